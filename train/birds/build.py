"""Write the archive of real birds as data sets: five folds, and everything.

python -m train.birds.build --birds ARCHIVE [--output data/birds]

Each data set is manifest.csv and taxonomy.csv; its paths lead into the archive, nothing is
copied. `data/birds-fold0` to `-fold4` have the splits train, test, unseen and others;
`data/birds-base` is what trains in every fold; `data/birds` is everything, as training data. What
nobody vouches for is `unlabelled` and nameless, on its author's side. A fifth of the background
recordings is `test`, a fifth `validation`, by the recording they are cut from. `heard.txt` in
`data/birds` names the species that every fold trains on by sound.
"""

import csv
import hashlib
import os
import sys
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path

from edge.command.parser import Parser
from edge.contract.taxonomy import Taxonomy
from gallery.command import run
from gallery.data.dataset import REQUIRED, UNLABELLED
from train.birds.archive import ArchiveRow, read_archive, read_taxonomy
from train.birds.commons_links import page
from train.birds.folds import FOLDS, OTHERS, TEST, TRAIN, UNSEEN, base, split

HEARD = "heard.txt"
COLUMNS = (*REQUIRED, "set", "author", "url")


def build(archive: Path, output: Path) -> list[Path]:
    """Write all data sets.

    Returns:
        Their folders.

    Raises:
        DatasetError: the archive is incomplete.
    """
    rows = read_archive(archive)
    taxonomy = read_taxonomy(rows)
    written = []
    for fold in range(FOLDS):
        parts = split(rows, fold)
        tests = [(TEST, parts.test), (UNSEEN, parts.unseen), (OTHERS, parts.others)]
        asked = [(name, row) for name, part in tests for row in part]
        birds = [*_training(parts.train), *asked]
        written.append(_write(fold_folder(output, fold), taxonomy, [*birds, *_background(rows)]))
    for folder, part in ((base_folder(output), base(rows)), (output, rows)):
        birds = _training(row for row in part if row.set_name != "background")
        written.append(_write(folder, taxonomy, [*birds, *_background(rows)]))
    (output / HEARD).write_text("".join(f"{name}\n" for name in heard(rows)), encoding="utf-8")
    return written


def heard(rows: Sequence[ArchiveRow]) -> list[str]:
    """Scientific names of the species of which recordings are in every fold's training."""
    trained = [
        {
            row.scientific_name
            for row in split(rows, fold).train
            if row.kind == "audio" and row.is_labelled
        }
        for fold in range(FOLDS)
    ]
    return sorted(set.intersection(*trained))


def base_folder(output: Path) -> Path:
    """Folder of the data that trains in every fold, given the folder of everything."""
    return output.with_name(f"{output.name}-base")


def fold_folder(output: Path, fold: int) -> Path:
    """Folder of a fold, given the folder of everything."""
    return output.with_name(f"{output.name}-fold{fold}")


def _write(folder: Path, taxonomy: Taxonomy, rows: Iterable[tuple[str, ArchiveRow]]) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    taxonomy.save(folder / "taxonomy.csv")
    with (folder / "manifest.csv").open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, COLUMNS, lineterminator="\n")
        writer.writeheader()
        writer.writerows(_entry(folder, name, row) for name, row in rows)
    return folder


def _entry(folder: Path, split_name: str, row: ArchiveRow) -> dict[str, str]:
    return {
        "path": os.path.relpath(row.path, folder),
        "kind": row.kind,
        "scientific_name": row.scientific_name,
        "common_name": row.common_name,
        "split": split_name,
        "licence": row.licence,
        "attribution": row.attribution,
        "set": row.set_name,
        "author": row.author,
        "url": page(row.attribution),
    }


def _training(rows: Iterable[ArchiveRow]) -> list[tuple[str, ArchiveRow]]:
    return [
        (TRAIN, row)
        if row.is_labelled
        else (UNLABELLED, replace(row, scientific_name="", common_name=""))
        for row in rows
    ]


def _background(rows: Iterable[ArchiveRow]) -> list[tuple[str, ArchiveRow]]:
    splits = ("test", "validation", TRAIN, TRAIN, TRAIN)
    return [
        (splits[int(hashlib.sha256(row.author.encode()).hexdigest(), 16) % len(splits)], row)
        for row in rows
        if row.set_name == "background"
    ]


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command."""
    parser = Parser(prog="python -m train.birds.build", description=__doc__)
    parser.add_argument("--birds", type=Path, required=True, help="the archive's folder")
    parser.add_argument("--output", type=Path, default=Path("data/birds"))
    args = parser.parse_args(argv)
    return run(lambda: print("\n".join(map(str, build(args.birds, args.output)))))


if __name__ == "__main__":
    sys.exit(main())
