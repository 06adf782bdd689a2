"""A day's species: first and last, counts, and the hours in which each was heard."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta, tzinfo

from edge.records.query import Selection, SpeciesDay, count, sightings
from edge.records.reader import RecordReader, told
from edge.system.days import local, span_ms
from edge.web.pages.charts import HOURS, Cell, cells
from edge.web.pages.views import SpeciesName, named

_AWAY_DAYS = 14
"""A species that was not heard for so long returns."""


@dataclass(frozen=True)
class DayLine:
    """A species on a day."""

    name: SpeciesName
    records: int
    first: datetime
    last: datetime
    hours: list[Cell]
    note: str
    """That it is new, or back; empty else."""


@dataclass(frozen=True)
class DayView:
    """A day at a station."""

    day: date
    lines: list[DayLine] = field(default_factory=list)

    @property
    def records(self) -> int:
        """Count of all."""
        return sum(line.records for line in self.lines)

    @property
    def noted(self) -> list[DayLine]:
        """The species that are new, or back."""
        return [line for line in self.lines if line.note]

    @property
    def before(self) -> date:
        """Yesterday."""
        return self.day - timedelta(days=1)

    @property
    def after(self) -> date:
        """Tomorrow."""
        return self.day + timedelta(days=1)


def day_view(reader: RecordReader, day: date, zone: tzinfo) -> DayView:
    """The species of a day, most records first."""
    since_ms, until_ms = span_ms(day, zone)
    selection = Selection(since_ms=since_ms, until_ms=until_ms)
    hours: dict[str, list[int]] = {}
    for sighting in sightings(reader, selection):
        by_hour = hours.setdefault(sighting.species_id, [0] * HOURS)
        by_hour[local(sighting.moment_ms, zone).hour] += 1
    most = max((max(by_hour) for by_hour in hours.values()), default=0)
    return DayView(
        day,
        [
            _line(reader, species, by_hour=hours[species.species_id], most=most, zone=zone)
            for species in count(reader, selection)
        ],
    )


def _line(
    reader: RecordReader, species: SpeciesDay, by_hour: Sequence[int], most: int, zone: tzinfo
) -> DayLine:
    return DayLine(
        name=named(species.species_id, species.scientific_name, species.common_name),
        records=species.records,
        first=local(species.first_ms, zone),
        last=local(species.last_ms, zone),
        hours=cells(by_hour, most),
        note=_note(reader, species, zone),
    )


def _note(reader: RecordReader, species: SpeciesDay, zone: tzinfo) -> str:
    if species.is_new:
        return "first ever here"
    before_ms = last_before(reader, species.species_id, species.first_ms)
    if before_ms is None:
        return ""
    away = (local(species.first_ms, zone).date() - local(before_ms, zone).date()).days
    return f"back after {away} days" if away >= _AWAY_DAYS else ""


def last_before(reader: RecordReader, species_id: str, moment_ms: int) -> int | None:
    """The last record of a species before a moment, in milliseconds."""
    return _edge(reader, species_id, bound="detected_at < ?", order="DESC", moment_ms=moment_ms)


def first_of(reader: RecordReader, species_id: str) -> int | None:
    """The first dated record of a species, in milliseconds."""
    return _edge(reader, species_id, bound="detected_at >= ?", order="ASC", moment_ms=-(1 << 62))


def last_of(reader: RecordReader, species_id: str) -> int | None:
    """The last dated record of a species, in milliseconds."""
    return _edge(reader, species_id, bound="detected_at < ?", order="DESC", moment_ms=1 << 62)


def _edge(
    reader: RecordReader, species_id: str, bound: str, order: str, moment_ms: int
) -> int | None:
    """Of each name that the species went by an index gives the first row at once."""
    query = (
        f"SELECT detected_at FROM kept_records WHERE species = ? AND {bound} "
        f"AND rejected IS NULL ORDER BY detected_at {order} LIMIT 1"
    )
    numbers = "SELECT number FROM species WHERE species_id = ?"
    with told(reader.path):
        run = reader.database.execute
        names = [number for (number,) in run(numbers, (species_id,))]
        rows = [run(query, (number, moment_ms)).fetchone() for number in names]
    found = [row[0] for row in rows if row is not None]
    return None if not found else max(found) if order == "DESC" else min(found)
