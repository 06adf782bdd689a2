"""Tallies of the records: counts of any span without a look at the records themselves.

The database keeps a count of each species and quarter of an hour (`edge/records/migrations.py`).
A station that no listener of this version has opened has none yet: it is counted anew each time.
"""

from collections.abc import Iterator, Sequence
from datetime import date, tzinfo
from typing import Any, NamedTuple

from edge.records.reader import RecordReader, told
from edge.records.schema import check_version
from edge.system.days import QUARTER_MS, offsets

FOREVER_MS = 1 << 53
"""No record is of so late a moment."""
_TALLIED, _TOTALLED = 8, 9
"""Versions from which the database keeps the tallies, and their totals."""
_KEPT, _TOTALS = "tallies", "totals"
_COUNTED = (
    "(SELECT coalesce(detected_at / 900000, -1) AS quarter, species, count(*) AS records "
    "FROM kept_records WHERE rejected IS NULL GROUP BY 1, 2)"
)
_SUMMED = "(SELECT species, sum(records) AS records FROM {tallies} GROUP BY species)"
_DAY_S, _HOUR_S, _HOURS = 86_400, 3600, 24
_WITHIN = "quarter >= ? AND quarter < ?"
_EPOCH = date(1970, 1, 1).toordinal()


class SpeciesTotal(NamedTuple):
    """A species with the count of its records."""

    species_id: str
    scientific_name: str
    common_name: str
    records: int


class HourCount(NamedTuple):
    """The count of the records of an hour."""

    day: date
    hour: int
    records: int


def total(records: RecordReader) -> int:
    """The count of all records, the undated ones too."""
    (found,) = _rows(records, "SELECT coalesce(sum(records), 0) FROM {totals}")
    return int(found[0])


def totals(records: RecordReader) -> list[SpeciesTotal]:
    """Species with the counts of their records, the undated ones too, most records first."""
    query = (
        "SELECT species_id, scientific_name, common_name, sum(records) FROM {totals} AS tally "
        "JOIN species ON species.number = tally.species "
        "GROUP BY species_id ORDER BY sum(records) DESC, common_name"
    )
    return [SpeciesTotal._make(records.named(row)) for row in _rows(records, query)]


def count(
    records: RecordReader, since_ms: int, until_ms: int, species: Sequence[str] | None = None
) -> int:
    """The count of the records within a span.

    Args:
        records: of the station.
        since_ms: UTC in milliseconds, at a full quarter.
        until_ms: exclusive, at a full quarter.
        species: ids; None: all.
    """
    chosen, ids = _of(species)
    query = f"SELECT coalesce(sum(records), 0) FROM {{tallies}} WHERE {chosen} {_WITHIN}"
    (found,) = _rows(records, query, *ids, *_span(since_ms, until_ms))
    return int(found[0])


def hours(
    records: RecordReader,
    zone: tzinfo,
    since_ms: int = 0,
    until_ms: int = FOREVER_MS,
    species: Sequence[str] | None = None,
) -> Iterator[HourCount]:
    """Hours of a zone that hold a record, in order; one that clocks go through twice comes twice.

    Args:
        records: of the station.
        zone: whose clocks count.
        since_ms: UTC in milliseconds, at a full quarter; not before 1970.
        until_ms: exclusive, at a full quarter.
        species: ids; None: all.
    """
    chosen, ids = _of(species)
    (ends,) = _rows(
        records,
        f"SELECT min(quarter), max(quarter) FROM {{tallies}} WHERE {_WITHIN}",
        *_span(since_ms, until_ms),
    )
    if ends[0] is None:
        return
    query = (
        f"SELECT (quarter * 900 + ?) / {_HOUR_S} AS hour, sum(records) FROM {{tallies}} "
        f"WHERE {chosen} {_WITHIN} GROUP BY hour ORDER BY hour"
    )
    for begun, ended, offset_s in offsets(ends[0] * QUARTER_MS, (ends[1] + 1) * QUARTER_MS, zone):
        for hour, number in _rows(records, query, offset_s, *ids, *_span(begun, ended)):
            yield HourCount(date.fromordinal(_EPOCH + hour // _HOURS), hour % _HOURS, number)


def days_of_species(
    records: RecordReader, zone: tzinfo, since_ms: int, until_ms: int
) -> set[tuple[date, str]]:
    """Days of a zone with the ids of the species that were reported on each.

    Args:
        records: of the station.
        zone: whose days count.
        since_ms: UTC in milliseconds, at a full quarter; not before 1970.
        until_ms: exclusive, at a full quarter.
    """
    query = (
        f"SELECT DISTINCT (quarter * 900 + ?) / {_DAY_S}, species_id FROM {{tallies}} AS tally "
        f"JOIN species ON species.number = tally.species WHERE {_WITHIN}"
    )
    found = set[tuple[date, str]]()
    for begun, ended, offset_s in offsets(max(since_ms, 0), until_ms, zone):
        for day, species_id in _rows(records, query, offset_s, *_span(begun, ended)):
            found.add((date.fromordinal(_EPOCH + day), species_id))
    return found


def _of(species: Sequence[str] | None) -> tuple[str, Sequence[str]]:
    """A condition that some species meet, and its values."""
    if species is None:
        return "", ()
    places = ", ".join("?" * len(species))
    return f"species IN (SELECT number FROM species WHERE species_id IN ({places})) AND", species


def _span(since_ms: int, until_ms: int) -> tuple[int, int]:
    """Quarters; those of undated records are -1."""
    return max(since_ms // QUARTER_MS, 0), -(-until_ms // QUARTER_MS)


def _rows(records: RecordReader, query: str, *values: str | int) -> list[Any]:
    with told(records.path):
        version = check_version(records.database)
        tallies = _KEPT if version >= _TALLIED else _COUNTED
        summed = _TOTALS if version >= _TOTALLED else _SUMMED.format(tallies=tallies)
        asked = query.format(tallies=tallies, totals=summed)
        return records.database.execute(asked, values).fetchall()
