"""Table that Kaleidoscope opens: the columns of its own cluster.csv, three species a row.

TOPnDIST is a distance in Kaleidoscope, small where it is sure: here 1 - probability.
"""

import csv
from collections.abc import Iterable
from pathlib import PurePath
from typing import TextIO

from edge.report.row import Manner, Row

COLUMNS = (
    *("INDIR", "FOLDER", "IN FILE", "CHANNEL", "OFFSET", "DURATION", "TOP1MATCH", "TOP1DIST"),
    *("TOP2MATCH", "TOP2DIST", "TOP3MATCH", "TOP3DIST", "MANUAL ID"),
)
_TOP = 3


def write(rows: Iterable[Row], file: TextIO, manner: Manner) -> None:
    """A row a record; a confirmed verdict is its MANUAL ID."""
    writer = csv.writer(file, lineterminator="\n")
    writer.writerow(COLUMNS)
    writer.writerows(_row(row) for row in rows)


def _row(row: Row) -> list[object]:
    record, path = row.record, PurePath(row.record.source)
    below = record.root is not None
    folder = path.parent.as_posix() if below else "."
    return [
        *(record.root if below else path.parent, "" if folder == "." else folder),
        *(path.name, (record.channel or 1) - 1),
        *(record.start_s, round(record.end_s - record.start_s, 3), *_best(row)),
        row.confirmed_name,
    ]


def _best(row: Row) -> list[object]:
    """The reported species with its distance, then those next to it."""
    record = row.record
    others = [best for best in record.top if best.scientific_name != record.scientific_name]
    cells: list[object] = [record.common_name, _distance(row.record.confidence)]
    for best in others[: _TOP - 1]:
        sure = None if best.probability is None else _distance(best.probability)
        cells += [best.common_name, "" if sure is None else sure]
    return cells + [""] * (2 * _TOP - len(cells))


def _distance(confidence: float) -> float:
    return round(1 - confidence, 4)
