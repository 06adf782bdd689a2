"""Statistics of the reported records, counted by the database: of a day, of a species, of all.

Days and hours are those of a zone. The database counts by quarters of an hour, as all zones' clocks
are set by whole quarters; only these are sorted into days and hours here.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta, tzinfo
from typing import Any

from edge.records.moments import first_of
from edge.records.reader import RecordReader, told
from edge.records.tally import hours
from edge.system.days import QUARTER_MS, local, span_ms

HOURS = 24
CONFIDENCE = "coalesce(probability, similarity)"
"""Of a record; cosine where the bundle isn't calibrated."""
_KEPT = "FROM kept_records JOIN species ON species.number = species WHERE rejected IS NULL"
_TALLY = (
    "species_id, scientific_name, common_name, count(*) AS records, "
    "min(detected_at) AS first_ms, max(detected_at) AS last_ms, "
    f"max({CONFIDENCE}) AS best, sum({CONFIDENCE}) AS total"
)
_TALLIED = tuple(
    "species_id scientific_name common_name records first_ms last_ms best total".split()
)
"""Fields of a tally, as `_TALLY` has them."""


@dataclass(frozen=True, kw_only=True)
class SpeciesTally:
    """The records of a species within a time."""

    species_id: str
    scientific_name: str
    common_name: str
    records: int
    first_ms: int | None
    """UTC in milliseconds; None if none of them is dated."""
    last_ms: int | None
    best: float
    """Highest confidence."""
    total: float
    """Sum of the confidences."""
    hours: tuple[int, ...] = ()
    """Records of each hour of the day, of a day's tally."""
    is_new: bool = False
    """It was never reported before that day."""

    @property
    def mean(self) -> float:
        """Mean confidence."""
        return self.total / self.records


@dataclass(frozen=True, kw_only=True)
class KeyFigures:
    """Key figures of a station."""

    species: int
    """That were ever reported."""
    today: int
    """Records."""
    best_day: tuple[date, int] | None
    """The day with most records, the latest of several, and how many."""
    streak_days: int
    """Days in a row with records, up to today, or to yesterday."""
    streak_begun: date | None


def species_of_day(
    records: RecordReader, day: date, zone: tzinfo, least: float = 0.0
) -> list[SpeciesTally]:
    """The species of a day with their hours, most records first.

    Args:
        records: of the station.
        day: of the zone.
        zone: that the day is of.
        least: confidence; records below it don't count.
    """
    begun, ended = span_ms(day, zone)
    query = (
        f"SELECT {_TALLY}, detected_at / {QUARTER_MS} AS quarter {_KEPT} "
        f"AND detected_at >= :begun AND detected_at < :ended AND {CONFIDENCE} >= :least "
        "GROUP BY species_id, quarter"
    )
    parts: dict[str, list[SpeciesTally]] = defaultdict(list)
    for row in _rows(records, query, {"begun": begun, "ended": ended, "least": least}):
        part = _tally(records, row)
        parts[part.species_id].append(replace(part, hours=_hours(row, zone)))
    return _most_first(_dated(records, _joined(several), begun) for several in parts.values())


def species_of_all_time(records: RecordReader) -> list[SpeciesTally]:
    """All species that were ever reported, most records first."""
    rows = _rows(records, f"SELECT {_TALLY} {_KEPT} GROUP BY species_id")
    return _most_first(_tally(records, row) for row in rows)


def species_between(records: RecordReader, since_ms: int, until_ms: int) -> list[SpeciesTally]:
    """Species that were reported from a moment to another, in UTC milliseconds, most first."""
    span = "AND detected_at >= :begun AND detected_at < :ended"
    query = f"SELECT {_TALLY} {_KEPT} {span} GROUP BY species_id"
    rows = _rows(records, query, {"begun": since_ms, "ended": until_ms})
    return _most_first(_tally(records, row) for row in rows)


def days_with_records(
    records: RecordReader, zone: tzinfo, species_id: str | None = None
) -> Counter[date]:
    """Records of each day that has any, of all species or of a single one."""
    days: Counter[date] = Counter()
    for day, _, number in hours(records, zone, species=_only(species_id)):
        days[day] += number
    return days


def hours_with_records(
    records: RecordReader, zone: tzinfo, species_id: str | None = None
) -> tuple[int, ...]:
    """Records by the hour of the day, of all days together; 24 of them."""
    found = [0] * HOURS
    for _, hour, number in hours(records, zone, species=_only(species_id)):
        found[hour] += number
    return tuple(found)


def key_figures(records: RecordReader, today: date, zone: tzinfo) -> KeyFigures:
    """Key figures on a day, which is today."""
    ((species,),) = _rows(records, f"SELECT count(DISTINCT species_id) {_KEPT}")
    days = days_with_records(records, zone)
    best = max(days.items(), key=lambda entry: (entry[1], entry[0]), default=None)
    end = today if days[today] else today - timedelta(days=1)
    begun = end
    while days[begun]:
        begun -= timedelta(days=1)
    streak = (end - begun).days
    return KeyFigures(
        species=species,
        today=days[today],
        best_day=best,
        streak_days=streak,
        streak_begun=begun + timedelta(days=1) if streak else None,
    )


def _only(species_id: str | None) -> list[str] | None:
    return None if species_id is None else [species_id]


def _dated(records: RecordReader, tally: SpeciesTally, begun_ms: int) -> SpeciesTally:
    """A day's tally that knows whether its species is new."""
    first_ms = first_of(records, tally.species_id)
    return replace(tally, is_new=first_ms is None or first_ms >= begun_ms)


def _rows(records: RecordReader, query: str, values: Mapping[str, Any] | None = None) -> list[Any]:
    with told(records.path):
        return records.database.execute(query, values or {}).fetchall()


def _tally(records: RecordReader, row: Any) -> SpeciesTally:
    return SpeciesTally(**dict(zip(_TALLIED, records.named(row), strict=False)))


def _hours(row: Any, zone: tzinfo) -> tuple[int, ...]:
    hour = local(row["quarter"] * QUARTER_MS, zone).hour
    return tuple(row["records"] if n == hour else 0 for n in range(HOURS))


def _joined(parts: Sequence[SpeciesTally]) -> SpeciesTally:
    """The tallies of a species' quarters of an hour as its tally of the day."""
    return replace(
        parts[-1],
        records=sum(part.records for part in parts),
        first_ms=min(part.first_ms or 0 for part in parts),
        last_ms=max(part.last_ms or 0 for part in parts),
        best=max(part.best for part in parts),
        total=sum(part.total for part in parts),
        hours=tuple(map(sum, zip(*(part.hours for part in parts), strict=True))),
    )


def _most_first(tallies: Iterable[SpeciesTally]) -> list[SpeciesTally]:
    return sorted(
        tallies, key=lambda tally: (-tally.records, tally.first_ms or 0, tally.species_id)
    )
