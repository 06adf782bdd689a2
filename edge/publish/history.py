"""History before a record: what the station had reported by then, asked of the database.

Only what was written before a record counts, so a question asked again is answered the same.
"""

from datetime import datetime

from edge.publish.queue import Queued
from edge.records.reader import RecordReader, told
from edge.system import clock
from edge.system.days import span_ms

DAY_MS = 86_400_000
_OF_SPECIES = (
    "FROM kept_records WHERE species IN (SELECT number FROM species WHERE species_id = ?) "
    "AND rejected IS NULL AND number < ?"
)


def count_between(records: RecordReader, queued: Queued, since_ms: int, until_ms: int) -> int:
    """Earlier records of the species in a span of time, in UTC milliseconds, its end exclusive."""
    query = f"SELECT count(*) {_OF_SPECIES} AND detected_at >= ? AND detected_at < ?"
    values = (*_before(queued), since_ms, until_ms)
    with told(records.path):
        (count,) = records.database.execute(query, values).fetchone()
    return int(count)


def last_before(records: RecordReader, queued: Queued) -> int | None:
    """The moment of the species' last earlier record, in UTC milliseconds."""
    with told(records.path):
        query = f"SELECT max(detected_at) {_OF_SPECIES}"
        (last,) = records.database.execute(query, _before(queued)).fetchone()
    return None if last is None else int(last)


def is_first_of_day(records: RecordReader, queued: Queued) -> bool:
    """True if nothing of the species was reported before on the record's own day."""
    moment = queued.record.local_time()
    return moment is not None and not count_between(records, queued, *day_ms(moment))


def day_ms(moment: datetime) -> tuple[int, int]:
    """A moment's day in its zone: both midnights, in UTC milliseconds."""
    assert moment.tzinfo is not None
    return span_ms(moment.date(), moment.tzinfo)


def moment_ms(queued: Queued) -> int | None:
    """UTC in milliseconds of a record; None if nobody knows it."""
    told_at = queued.record.detected_at
    return None if told_at is None else clock.milliseconds(told_at)


def live_sources(records: RecordReader, most: int) -> tuple[str, ...]:
    """Names of the live sources, the newest ones, in the order in which they came."""
    query = (
        "SELECT source, max(number) FROM contexts WHERE root IS NULL AND volume IS NULL "
        "GROUP BY source ORDER BY max(number) DESC LIMIT ?"
    )
    with told(records.path):
        rows = records.database.execute(query, (most,)).fetchall()
    return tuple(row[0] for row in rows[::-1])


def _before(queued: Queued) -> tuple[str, int]:
    return queued.record.species_id, queued.place.number
