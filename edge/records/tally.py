"""Tallies of the records: counts of any span without a look at the records themselves.

The database keeps a count of each species and quarter of an hour (`edge/records/migrations.py`).
A station that no listener of this version has opened has none yet: it is counted anew each time.
"""

import sqlite3
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from edge.records.reader import RecordReader, told
from edge.records.schema import check_version

QUARTER_MS = 900_000
"""A quarter of an hour, in which no zone's day begins or ends."""
FOREVER_MS = 1 << 53
"""No record is of so late a moment."""
_TALLIED = 8
"""Version from which the database keeps the tallies."""
_KEPT = "tallies"
_COUNTED = (
    "(SELECT coalesce(detected_at / 900000, -1) AS quarter, species, count(*) AS records "
    "FROM kept_records WHERE rejected IS NULL GROUP BY 1, 2)"
)


class SpeciesTotal(NamedTuple):
    """A species with the count of its records."""

    species_id: str
    scientific_name: str
    common_name: str
    records: int


def total(records: RecordReader) -> int:
    """The count of all records, the undated ones too."""
    (found,) = _rows(records, "SELECT coalesce(sum(records), 0) FROM {tallies}", ())
    return int(found[0])


def totals(
    records: RecordReader, since_ms: int | None = None, until_ms: int | None = None
) -> list[SpeciesTotal]:
    """Species with the counts of their records, most records first.

    Args:
        records: of the station.
        since_ms: UTC in milliseconds, inclusive, at a full quarter; None: undated ones count too.
        until_ms: exclusive, at a full quarter; None: no end.
    """
    bounds = () if since_ms is None and until_ms is None else _span(since_ms, until_ms)
    chosen = "WHERE quarter >= ? AND quarter < ?" if bounds else ""
    query = (
        "SELECT species_id, scientific_name, common_name, sum(records) FROM "
        "(SELECT species, sum(records) AS records FROM {tallies} "
        f"{chosen} GROUP BY species) AS tally "
        "JOIN species ON species.number = tally.species "
        "GROUP BY species_id ORDER BY sum(records) DESC, common_name"
    )
    return [SpeciesTotal._make(row) for row in _rows(records, query, bounds)]


def counts(
    records: RecordReader, bounds: Sequence[int], species: Sequence[str] | None = None
) -> list[int]:
    """Counts of the records between each two of some moments.

    Args:
        records: of the station.
        bounds: UTC in milliseconds, rising, each at a full quarter.
        species: ids; None: all.
    """
    found = [0] * (len(bounds) - 1)
    for moment, number in quarters(records, bounds[0], bounds[-1], species):
        found[bisect_right(bounds, moment) - 1] += number
    return found


def quarters(
    records: RecordReader, since_ms: int, until_ms: int, species: Sequence[str] | None = None
) -> Iterator[tuple[int, int]]:
    """Quarters of an hour that hold a record, in order: beginning in milliseconds, and count."""
    chosen, values = "", list[str]()
    if species is not None:
        places = ", ".join("?" * len(species))
        chosen = f"species IN (SELECT number FROM species WHERE species_id IN ({places})) AND "
        values += species
    query = (
        f"SELECT quarter, sum(records) FROM {{tallies}} WHERE {chosen}"
        "quarter >= ? AND quarter < ? GROUP BY quarter ORDER BY quarter"
    )
    for quarter, number in _rows(records, query, (*values, *_span(since_ms, until_ms))):
        yield quarter * QUARTER_MS, number


def _span(since_ms: int | None, until_ms: int | None) -> tuple[int, int]:
    """Quarters; those of undated records are -1."""
    since = -1 if since_ms is None else max(since_ms // QUARTER_MS, 0)
    return since, 1 << 60 if until_ms is None else -(-until_ms // QUARTER_MS)


def _rows(records: RecordReader, query: str, values: Sequence[str | int]) -> list[sqlite3.Row]:
    with told(records.path):
        is_kept = check_version(records.database) >= _TALLIED
        asked = query.format(tallies=_KEPT if is_kept else _COUNTED)
        return records.database.execute(asked, values).fetchall()
