"""Browsing of the reported records, newest first, a page at a time, however many there are."""

import heapq
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from edge.contract.errors import ConfigError
from edge.records.detection import Detection
from edge.records.inbox import waiting_verdicts
from edge.records.reader import RecordReader, told
from edge.records.search import RecordSearch, Values, fitting, searched

PAGE = 48
_LOOKED_AT = 20_000
"""Records that a page looks through for those it shows: it never takes long."""
_DOUBTED = 400
"""Newest records without a review, among which the most doubtful are looked for."""


class PagePlace(NamedTuple):
    """A record's place in the order, behind which a page begins."""

    moment_ms: int | None
    """None: among the undated ones, which come last."""
    number: int

    @classmethod
    def read(cls, text: str) -> "PagePlace":
        """Back from `str`.

        Raises:
            ConfigError: it is none.
        """
        moment, _, number = text.partition("_")
        try:
            return cls(int(moment) if moment else None, int(number))
        except ValueError:
            raise ConfigError(f"after: {text[:40]!r} is no place; open the page anew") from None

    def __str__(self) -> str:
        return f"{'' if self.moment_ms is None else self.moment_ms}_{self.number}"


@dataclass(frozen=True)
class RecordPage:
    """Some records, newest first."""

    records: list[Detection]
    following: PagePlace | None
    """Behind what was looked at; None at the end."""


class NearMiss(NamedTuple):
    """A candidate that was not reported."""

    species_id: str
    scientific_name: str
    common_name: str
    moment_ms: int
    confidence: float
    reason: str


def unreported_around(
    reader: RecordReader, since_ms: int, until_ms: int, most: int
) -> list[NearMiss]:
    """Candidates of a span of time that were not reported, by time."""
    query = (
        "SELECT species_id, scientific_name, common_name, detected_at, "
        "coalesce(probability, similarity), rejected "
        "FROM kept_records JOIN species ON species.number = species "
        "WHERE detected_at BETWEEN ? AND ? AND rejected NOT NULL ORDER BY detected_at LIMIT ?"
    )
    with told(reader.path):
        rows = reader.database.execute(query, (since_ms, until_ms, most)).fetchall()
    return [NearMiss._make(reader.named(row)) for row in rows]


def browse(
    reader: RecordReader, wanted: RecordSearch, after: PagePlace | None = None, most: int = PAGE
) -> RecordPage:
    """The next records of a search.

    Args:
        reader: of the station.
        wanted: the search.
        after: where the page before ended.
        most: records.
    """
    found: list[int] = []
    last = after
    with told(reader.path):
        for looked_at, (place, fits) in enumerate(_places(reader, wanted, after), 1):
            if len(found) == most or looked_at > _LOOKED_AT:
                break
            last = place
            found += [place.number] if fits else []
        else:
            last = None
    return RecordPage(_told(reader, found), last)


def unreviewed(reader: RecordReader, most: int) -> list[Detection]:
    """Of the newest records without a review the most doubtful, those first."""
    query = (
        "SELECT number FROM (SELECT number, coalesce(probability, similarity) AS sure "
        "FROM kept_records WHERE rejected IS NULL "
        "AND NOT EXISTS (SELECT 1 FROM reviews WHERE record = id) "
        "ORDER BY number DESC LIMIT ?) ORDER BY sure, number DESC LIMIT ?"
    )
    with told(reader.path):
        rows = reader.database.execute(query, (_DOUBTED, most)).fetchall()
    return _told(reader, [number for (number,) in rows])


def reviewed_total(reader: RecordReader) -> int:
    """The count of the reported records that have a review; what waits for the writer counts."""
    kept = (
        "SELECT count(*) FROM (SELECT DISTINCT record FROM reviews) "
        "CROSS JOIN kept_records ON id = record WHERE rejected IS NULL"
    )
    known = "SELECT EXISTS (SELECT 1 FROM reviews WHERE record = ?)"
    with told(reader.path):
        run = reader.database.execute
        found = int(run(kept).fetchone()[0])
        for record, verdict in waiting_verdicts(reader.station).items():
            if exactly(reader, record) is not None:
                found += (verdict is not None) - run(known, (record,)).fetchone()[0]
    return found


def _told(reader: RecordReader, numbers: Sequence[int]) -> list[Detection]:
    """Records in the order of their numbers as given."""
    by_number = {number: reader.numbered([number]) for number in numbers}
    return [record for number in numbers for record in by_number[number]]


def _places(
    reader: RecordReader, wanted: RecordSearch, after: PagePlace | None
) -> Iterator[tuple[PagePlace, bool]]:
    """Places in order, each with whether the filter takes it: the dated ones, then the others."""
    if after is None or after.moment_ms is not None:
        yield from _walked(reader, wanted, after, dated=True)
        after = None
    if not wanted.is_by_time:
        yield from _walked(reader, wanted, after, dated=False)


def _walked(
    reader: RecordReader, wanted: RecordSearch, after: PagePlace | None, dated: bool
) -> Iterator[tuple[PagePlace, bool]]:
    """Places of all names that the species went by, merged."""
    names = [None] if wanted.species is None else _names(reader, wanted.species)
    ways = [_walk(reader, wanted, after, dated=dated, name=name) for name in names]
    return heapq.merge(*ways, key=_newest_first)


def _newest_first(found: tuple[PagePlace, bool]) -> tuple[int, int]:
    return -(found[0].moment_ms or 0), -found[0].number


def _names(reader: RecordReader, species: Sequence[str]) -> list[int]:
    query = "SELECT number FROM species WHERE species_id IN (SELECT value FROM json_each(?))"
    return [number for (number,) in reader.database.execute(query, (json.dumps([*species]),))]


def _walk(
    reader: RecordReader,
    wanted: RecordSearch,
    after: PagePlace | None,
    dated: bool,
    name: int | None,
) -> Iterator[tuple[PagePlace, bool]]:
    """Places in the order of an index, read as they are asked for."""
    parts, values = _bounds(wanted, name)
    parts.append("detected_at NOT NULL" if dated else "detected_at IS NULL")
    if after is not None:
        parts.append("(detected_at, number) < (?, ?)" if dated else "number < ?")
        values += [after.moment_ms or 0, after.number] if dated else [after.number]
    order = "detected_at DESC, number DESC" if dated else "number DESC"
    (tables, leading), (fits, further) = searched(reader, wanted), fitting(reader, wanted)
    query = (
        f"SELECT detected_at, number, {fits} FROM {tables} "
        f"WHERE {' AND '.join(parts)} ORDER BY {order}"
    )
    rows = reader.database.execute(query, (*further, *leading, *values))
    return ((PagePlace(row[0], row[1]), bool(row[2])) for row in rows)


def _bounds(wanted: RecordSearch, name: int | None) -> tuple[list[str], Values]:
    """Conditions that an index answers."""
    bounds = {
        "species = ?": name,
        "detected_at >= ?": wanted.since_ms,
        "detected_at < ?": wanted.until_ms,
    }
    given = {condition: value for condition, value in bounds.items() if value is not None}
    return ["rejected IS NULL", *given], [*given.values()]


def exactly(reader: RecordReader, record_id: str) -> Detection | None:
    """The reported record of a whole id; None if there is none."""
    with told(reader.path):
        query = "SELECT number FROM kept_records WHERE id = ? AND rejected IS NULL"
        found = reader.database.execute(query, (record_id,)).fetchone()
    return None if found is None else next(iter(_told(reader, [found[0]])), None)
