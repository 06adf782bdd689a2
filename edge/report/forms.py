"""Forms that records are written in, by name, with the names of their files.

Files are called as BirdNET-Analyzer calls its own, so that what reads those finds them.
"""

import io
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import BinaryIO, TextIO

from edge.contract.errors import ConfigError
from edge.contract.names import nearest
from edge.report import birdnet, kaleidoscope
from edge.report.parquet import to_parquet
from edge.report.row import Manner, Row


@dataclass(frozen=True)
class Form:
    """A form of table."""

    suffix: str
    """Of the file beside a recording's name, without the recording's own suffix."""
    combined: str
    """Name of the one file of all recordings."""
    write: Callable[[Iterable[Row], BinaryIO, Manner], object]
    """Writes rows as they come to a file."""

    def encode(self, rows: Iterable[Row], manner: Manner) -> bytes:
        """A whole file."""
        file = io.BytesIO()
        self.write(rows, file, manner)
        return file.getvalue()


def _text(
    write: Callable[[Iterable[Row], TextIO, Manner], None],
) -> Callable[[Iterable[Row], BinaryIO, Manner], None]:
    def encode(rows: Iterable[Row], file: BinaryIO, manner: Manner) -> None:
        text = io.TextIOWrapper(file, "utf-8", errors="replace", newline="")
        write(rows, text, manner)
        text.detach()

    return encode


def _write_lines(rows: Iterable[Row], file: TextIO, manner: Manner) -> None:
    for row in rows:
        file.write(row.record.to_json() + "\n")


FORMS = {
    "csv": Form(".BirdNET.results.csv", "BirdNET_CombinedTable.csv", _text(birdnet.write_csv)),
    "raven": Form(
        ".BirdNET.selection.table.txt", "BirdNET_SelectionTable.txt", _text(birdnet.write_raven)
    ),
    "audacity": Form(
        ".BirdNET.results.txt", "BirdNET_AudacityLabels.txt", _text(birdnet.write_audacity)
    ),
    "kaleidoscope": Form(
        ".BirdNET.results.kaleidoscope.csv", "BirdNET_Kaleidoscope.csv", _text(kaleidoscope.write)
    ),
    "r": Form(".BirdNET.results.r.csv", "BirdNET_RTable.csv", _text(birdnet.write_r)),
    "jsonl": Form(".birdlisten.jsonl", "birdlisten.jsonl", _text(_write_lines)),
    "parquet": Form(
        ".birdlisten.parquet",
        "birdlisten.parquet",
        lambda rows, file, _: file.write(to_parquet(list(rows))),
    ),
}


def read_forms(text: str) -> list[str]:
    """Names of forms, as `csv,raven`.

    Raises:
        ConfigError: one is unknown.
    """
    names = list(dict.fromkeys(name.strip().lower() for name in text.split(",") if name.strip()))
    for name in names:
        if name not in FORMS:
            known = ", ".join(FORMS)
            raise ConfigError(f"format: {name!r}, expected of {known}{nearest(name, FORMS)}")
    if not names:
        raise ConfigError(f"format: names none, expected of {', '.join(FORMS)}")
    return names
