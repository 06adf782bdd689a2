"""Write whose recordings and pictures the starter bundle is made of: the end of NOTICE.

python -m train.birds.notice [--data data/birds] [--notice NOTICE]

What stands above the line of dashes is kept.
"""

import sys
from collections.abc import Iterable, Sequence
from pathlib import Path

from edge.command.parser import Parser
from edge.contract.errors import DatasetError
from edge.contract.tables import read_table
from gallery.command import run
from gallery.data.dataset import REQUIRED, UNLABELLED

LINE = "-" * 72
_HEADINGS = {"audio": "Recordings", "image": "Pictures, of which only embeddings are shipped"}


def credits(rows: Iterable[dict[str, str]]) -> str:
    """A line a recording or picture: species, licence, attribution, and where it is found."""
    entries = sorted(
        (row["kind"], row["scientific_name"] or _nameless(row), row["licence"], _whose(row))
        for row in rows
    )
    sections = []
    for kind, heading in _HEADINGS.items():
        lines = [" | ".join(entry[1:]) for entry in entries if entry[0] == kind]
        sections.append("\n".join((f"{heading}: {len(lines)}", "", *lines, "")))
    return "\n".join(sections)


def write(notice: Path, data: Path) -> None:
    """Put the credits of a data set below NOTICE's line.

    Raises:
        DatasetError: there is no such line, or no data set.
    """
    head, line, _ = notice.read_text(encoding="utf-8").partition(f"{LINE}\n")
    if not line:
        raise DatasetError(f"{notice}: no line of {len(LINE)} dashes to write the credits below")
    manifest = data / "manifest.csv"
    if not manifest.is_file():
        raise DatasetError(f"{data}: no manifest.csv; run train.birds.build")
    text = credits(read_table(manifest, (*REQUIRED, "url")))
    notice.write_text(f"{head}{line}\n{text}", encoding="utf-8")


def _nameless(row: dict[str, str]) -> str:
    return "(birds)" if row["split"] == UNLABELLED else "(background)"


def _whose(row: dict[str, str]) -> str:
    attribution = " ".join(row["attribution"].split())
    return attribution if row["url"] in attribution else f"{attribution} | {row['url']}"


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command."""
    parser = Parser(prog="python -m train.birds.notice", description=__doc__)
    parser.add_argument("--data", type=Path, default=Path("data/birds"))
    parser.add_argument("--notice", type=Path, default=Path("NOTICE"))
    args = parser.parse_args(argv)
    return run(lambda: write(args.notice, args.data))


if __name__ == "__main__":
    sys.exit(main())
