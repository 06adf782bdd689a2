"""Queue of what is to be published: the station's own records, behind a place in them."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from edge.contract.errors import StoreError
from edge.records import feed
from edge.records.detection import Detection
from edge.records.migrations import MIGRATIONS
from edge.records.reader import RecordReader, told
from edge.records.schema import check_version


@dataclass(frozen=True)
class Place:
    """Place in the records: that of the last one that was published; 0 is before all."""

    number: int = 0
    id: str = ""


class Queued(NamedTuple):
    """A record that waits."""

    place: Place
    record: Detection


class Waiting(NamedTuple):
    """Records that wait, and the place up to which they were looked for."""

    records: list[Queued]
    looked: Place


def check_schema(records: RecordReader) -> None:
    """Check that records are of this program's version.

    Raises:
        StoreError: they are older.
    """
    with told(records.path):
        version = check_version(records.database)
    if version < len(MIGRATIONS):
        raise StoreError(
            f"{records.path}: the records are of version {version}, expected {len(MIGRATIONS)}; "
            "listening with this program brings them there"
        )


def newest(records: RecordReader) -> Place:
    """The place behind all records."""
    return _place(records, "ORDER BY number DESC LIMIT 1", ())


def before(records: RecordReader, since_ms: int) -> Place:
    """The place before the first record of a moment, in UTC milliseconds, or later."""
    with told(records.path):
        query = "SELECT min(number) FROM kept_records WHERE detected_at >= ?"
        (first,) = records.database.execute(query, (since_ms,)).fetchone()
    if first is None:
        return newest(records)
    return _place(records, "WHERE number < ? ORDER BY number DESC LIMIT 1", (first,))


def found_again(records: RecordReader, place: Place) -> Place:
    """A place as it is now: the records may have been repaired, replaced or analysed anew.

    Numbers are given again after that, so the id counts; ids go by time.
    """
    same = "WHERE number = ? AND id = ?"
    if not place.id or _place(records, same, (place.number, place.id)).id:
        return place
    return _place(records, "WHERE id <= ? ORDER BY id DESC LIMIT 1", (place.id,))


def behind(records: RecordReader, place: Place, most: int) -> Waiting:
    """The first reported records behind a place, in the order in which they were written."""
    end = newest(records)
    entries = feed.between(records, place.number, end.number, most)
    places = [Place(entry.number, entry.id) for entry in entries]
    queued = [
        Queued(at, entry.record)
        for at, entry in zip(places, entries, strict=True)
        if entry.record is not None
    ]
    return Waiting(queued, places[-1] if len(places) == most else end)


def depth(records: RecordReader, place: Place) -> int:
    """The count of reported records behind a place."""
    query = "SELECT count(*) FROM kept_records WHERE number > ? AND rejected IS NULL"
    with told(records.path):
        (count,) = records.database.execute(query, (place.number,)).fetchone()
    return int(count)


def _place(records: RecordReader, rest: str, values: Sequence[int | str]) -> Place:
    with told(records.path):
        query = f"SELECT number, id FROM kept_records {rest}"
        row = records.database.execute(query, values).fetchone()
    return Place() if row is None else Place(*row)
