"""Tables with the columns of BirdNET-Analyzer 2.4, which programs and scripts of users read.

CSV, Raven's selection table, Audacity's labels, and the table for R that 1.x wrote. The columns are
frozen; Scientific Name is added to Raven's at its end, as later versions have it.
"""

import csv
from collections.abc import Iterable, Sequence
from typing import TextIO

from edge.report.row import Manner, Row

CSV_COLUMNS = ("Start (s)", "End (s)", "Scientific name", "Common name", "Confidence", "File")
RAVEN_COLUMNS = (
    *("Selection", "View", "Channel", "Begin Time (s)", "End Time (s)", "Low Freq (Hz)"),
    *("High Freq (Hz)", "Common Name", "Species Code", "Confidence", "Begin Path"),
    *("File Offset (s)", "Scientific Name"),
)
R_COLUMNS = (
    *("filepath", "start", "end", "scientific_name", "common_name", "confidence", "lat", "lon"),
    *("week", "overlap", "sensitivity", "min_conf", "species_list", "model"),
)
_VIEW = "Spectrogram 1"
_LOW_HZ, _HIGH_HZ = 0, 15_000
"""Of the boxes that are drawn: the range of most songs."""
_NOWHERE = -1
_SENSITIVITY = 1.0


def write_csv(rows: Iterable[Row], file: TextIO, manner: Manner) -> None:
    """A row a record, with commas between."""
    _write(file, CSV_COLUMNS, (_csv_row(row) for row in rows))


def write_raven(rows: Iterable[Row], file: TextIO, manner: Manner) -> None:
    """A selection table; times of several recordings follow each other, as Raven opens them."""
    table = (_raven_row(number, row) for number, row in enumerate(rows, 1))
    _write(file, RAVEN_COLUMNS, table, "\t")


def write_audacity(rows: Iterable[Row], file: TextIO, manner: Manner) -> None:
    """Labels, without a head."""
    for row in rows:
        record = row.record
        names = f"{_plain(record.scientific_name)}, {_plain(record.common_name)}"
        begin_s, end_s = (row.before_s + time for time in (record.start_s, record.end_s))
        file.write(f"{begin_s:g}\t{end_s:g}\t{names}\t{row.record.confidence:.4f}\n")


def write_r(rows: Iterable[Row], file: TextIO, manner: Manner) -> None:
    """The table for R of BirdNET-Analyzer 1.x."""
    _write(file, R_COLUMNS, (_r_row(row, manner) for row in rows))


def _csv_row(row: Row) -> list[object]:
    record = row.record
    return [
        *(record.start_s, record.end_s, record.scientific_name, record.common_name),
        *(f"{row.record.confidence:.4f}", row.path),
    ]


def _raven_row(number: int, row: Row) -> list[object]:
    record = row.record
    begin_s, end_s = (round(row.before_s + time, 3) for time in (record.start_s, record.end_s))
    return [
        *(number, _VIEW, record.channel or 1, begin_s, end_s, _LOW_HZ, _HIGH_HZ),
        *(record.common_name, record.species_id, f"{row.record.confidence:.4f}", row.path),
        *(record.start_s, record.scientific_name),
    ]


def _r_row(row: Row, manner: Manner) -> list[object]:
    record = row.record
    return [
        *(row.path, record.start_s, record.end_s, record.scientific_name, record.common_name),
        f"{row.record.confidence:.4f}",
        _NOWHERE if record.latitude is None else record.latitude,
        _NOWHERE if record.longitude is None else record.longitude,
        *(row.week, manner.overlap_s, _SENSITIVITY),
        "" if manner.threshold is None else manner.threshold,
        *(manner.species_list, record.bundle),
    ]


def _write(
    file: TextIO, columns: Sequence[str], rows: Iterable[Sequence[object]], between: str = ","
) -> None:
    writer = csv.writer(file, delimiter=between, lineterminator="\n")
    writer.writerow(columns)
    for row in rows:
        writer.writerow([_plain(cell) if between == "\t" else cell for cell in row])


def _plain(cell: object) -> object:
    """A cell without what separates cells and rows."""
    return " ".join(cell.split()) if isinstance(cell, str) else cell
