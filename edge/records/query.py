"""Queries of a station's records: by time and species, in order, however many there are."""

import sqlite3
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from edge.contract.errors import ConfigError
from edge.contract.names import nearest
from edge.records.detection import Detection
from edge.records.reader import PLACED, RecordReader, told
from edge.records.schema import check_version

_AT_ONCE = 500


@dataclass(frozen=True, kw_only=True)
class Selection:
    """Choice of reported records."""

    since_ms: int | None = None
    """UTC in milliseconds, inclusive; None: of any time, and those without one."""
    until_ms: int | None = None
    """Exclusive."""
    species: Sequence[str] | None = None
    """Ids; None: all."""


class SpeciesDay(NamedTuple):
    """A species within a span of time."""

    species_id: str
    scientific_name: str
    common_name: str
    records: int
    first_ms: int
    last_ms: int
    is_new: bool
    """It was never reported here before."""


class Sighting(NamedTuple):
    """A dated record in short."""

    species_id: str
    scientific_name: str
    common_name: str
    moment_ms: int
    confidence: float
    """Probability, or cosine where the bundle isn't calibrated."""
    number: int
    verdict: str | None
    """A person's, the newest."""


def sightings(records: RecordReader, selection: Selection) -> Iterator[Sighting]:
    """The dated records of a selection in short, by time."""
    where, values = conditions(selection)
    query = (
        "SELECT species_id, scientific_name, common_name, detected_at, "
        "coalesce(probability, similarity), kept_records.number, "
        "(SELECT verdict FROM reviews WHERE record = id ORDER BY reviews.number DESC LIMIT 1) "
        f"FROM kept_records JOIN species ON species.number = species {where} "
        "AND detected_at NOT NULL ORDER BY detected_at"
    )
    with told(records.path):
        rows = records.database.execute(query, values)
        yield from (Sighting._make(records.named(row)) for row in rows)


def select(records: RecordReader, selection: Selection) -> Iterator[list[Detection]]:
    """The records of a selection, by time, some hundred at once; undated ones come first."""
    where, values = conditions(selection)
    numbers = f"SELECT number FROM kept_records {where} ORDER BY detected_at, number"
    with told(records.path):
        cursor = records.database.execute(numbers, values)
        while chunk := cursor.fetchmany(_AT_ONCE):
            yield records.numbered([number for (number,) in chunk])


def count(records: RecordReader, selection: Selection) -> list[SpeciesDay]:
    """The species of a selection with a beginning, most records first."""
    where, values = conditions(selection)
    query = (
        "SELECT species.species_id, scientific_name, common_name, count(*), min(detected_at), "
        f"max(detected_at) FROM kept_records JOIN species ON species.number = species {where} "
        "GROUP BY species.species_id ORDER BY count(*) DESC, min(detected_at)"
    )
    with told(records.path):
        found = records.database.execute(query, values).fetchall()
        return [
            SpeciesDay._make(
                (*records.named(row), not _was_before(records.database, row[0], row[4]))
            )
            for row in found
        ]


def listened(records: RecordReader, since_ms: int, until_ms: int) -> list[tuple[int, int]]:
    """Spans of time within a longer one in which something was heard: begun and ended, in ms.

    Of live sources and of dated recordings, joined where they overlap.
    """
    query = (
        "SELECT begun_ms, ended_ms FROM listened WHERE begun_ms < :until AND ended_ms > :since "
        "UNION ALL SELECT begun_ms, begun_ms + CAST(length_s * 1000 AS INTEGER) FROM recordings "
        "WHERE begun_ms < :until AND begun_ms + length_s * 1000 > :since ORDER BY 1"
    )
    with told(records.path):
        rows = records.database.execute(query, {"since": since_ms, "until": until_ms}).fetchall()
    joined: list[tuple[int, int]] = []
    for begun_ms, ended_ms in rows:
        begun, ended = max(begun_ms, since_ms), min(ended_ms, until_ms)
        if joined and begun <= joined[-1][1]:
            joined[-1] = (joined[-1][0], max(joined[-1][1], ended))
        else:
            joined.append((begun, ended))
    return joined


def unsynchronised(records: RecordReader, selection: Selection) -> int:
    """Count of the records of a selection, of live sources, whose clock was not known to be right.

    Of a recording it is known only if a satellite has set its clock.
    """
    where, values = conditions(selection)
    query = (
        f"SELECT count(*) FROM kept_records JOIN contexts ON contexts.number = context {where} "
        "AND clock_synchronised = 0"
    )
    with told(records.path):
        if check_version(records.database) >= PLACED:
            query += " AND root IS NULL AND volume IS NULL"
        return int(records.database.execute(query, values).fetchone()[0])


def total_records(records: RecordReader) -> int:
    """Count of all records, candidates that were not reported among them."""
    with told(records.path):
        (total,) = records.database.execute("SELECT count(*) FROM kept_records").fetchone()
    return int(total)


def species_named(records: RecordReader, name: str) -> list[str]:
    """Ids of the species of a name, in any case: scientific, common, or an id.

    Raises:
        ConfigError: none of them was reported here.
    """
    with told(records.path):
        rows = records.database.execute(
            "SELECT DISTINCT species_id, scientific_name, common_name FROM species"
        ).fetchall()
    told_names = [*map(tuple, rows), *map(records.named, rows)]
    found = {row[0] for row in told_names if name.casefold() in map(str.casefold, row)}
    if not found:
        names = [known for row in told_names for known in row[1:]]
        raise ConfigError(f"species: {name!r} was never reported here{nearest(name, names)}")
    return sorted(found)


def conditions(selection: Selection) -> tuple[str, list[str | int]]:
    """Conditions that an index answers, as SQL and its values."""
    parts, values = ["rejected IS NULL"], list[str | int]()
    if selection.species is not None:
        places = ", ".join("?" * len(selection.species))
        parts.append(f"species IN (SELECT number FROM species WHERE species_id IN ({places}))")
        values += selection.species
    if selection.since_ms is not None:
        parts.append("detected_at >= ?")
        values.append(selection.since_ms)
    if selection.until_ms is not None:
        parts.append("detected_at < ?")
        values.append(selection.until_ms)
    return f"WHERE {' AND '.join(parts)}", values


def _was_before(database: sqlite3.Connection, species_id: str, moment_ms: int) -> bool:
    query = (
        "SELECT 1 FROM kept_records WHERE species IN "
        "(SELECT number FROM species WHERE species_id = ?) "
        "AND detected_at < ? AND rejected IS NULL LIMIT 1"
    )
    return database.execute(query, (species_id, moment_ms)).fetchone() is not None
