"""Feed of newly kept records, in the order in which they were kept.

A place in it is the number of the row that was read last: whoever keeps that misses nothing and
hears nothing twice. A record is in it once it is committed.
"""

from typing import NamedTuple

from edge.records.detection import Detection
from edge.records.numbers import number_of, record_numbered
from edge.records.reader import RecordReader, told

AT_ONCE = 100


class FeedEntry(NamedTuple):
    """A row of the feed."""

    number: int
    id: str
    record: Detection | None
    """None of a damaged one."""


def newest(records: RecordReader) -> int:
    """The place behind all that is kept now."""
    return _number(records, "SELECT max(number) FROM kept_records")


def place_after(records: RecordReader, number: int) -> int:
    """The place behind a record, by its whole number (`edge.records.numbers`).

    Behind the one before it in time, where it was taken away.
    """
    found = record_numbered(records, number)
    if found is not None:
        return _number(records, "SELECT number FROM kept_records WHERE id = ?", found)
    bound = f"{max(number, 0) >> 28:08x}-{max(number, 0) >> 12 & 0xFFFF:04x}"
    before = "SELECT id FROM kept_records WHERE id < ? ORDER BY id DESC LIMIT 1"
    return _number(records, f"SELECT number FROM kept_records WHERE id = ({before})", bound)


def last_reported(records: RecordReader, place: int) -> int:
    """Whole number of the record at a place, or before it; 0 if there is none."""
    query = "SELECT id FROM kept_records WHERE number <= ? ORDER BY number DESC LIMIT 1"
    with told(records.path):
        row = records.database.execute(query, (place,)).fetchone()
    return 0 if row is None else number_of(row["id"])


def after(records: RecordReader, place: int) -> tuple[list[Detection], int]:
    """Reported records behind a place, some at most, and the place behind them."""
    end = newest(records)
    entries = between(records, place, end, AT_ONCE)
    found = [entry.record for entry in entries if entry.record is not None]
    return found, entries[-1].number if len(entries) == AT_ONCE else end


def between(records: RecordReader, place: int, end: int, most: int) -> list[FeedEntry]:
    """Reported records behind a place and up to another, some at most, as they were kept."""
    query = (
        "SELECT number, id FROM kept_records WHERE number > ? AND number <= ? "
        "AND rejected IS NULL ORDER BY number LIMIT ?"
    )
    with told(records.path):
        rows = records.database.execute(query, (place, end, most)).fetchall()
    found = {record.id: record for record in records.numbered([row["number"] for row in rows])}
    return [FeedEntry(row["number"], row["id"], found.get(row["id"])) for row in rows]


def _number(records: RecordReader, query: str, *values: str) -> int:
    with told(records.path):
        row = records.database.execute(query, values).fetchone()
    return 0 if row is None else row[0] or 0
