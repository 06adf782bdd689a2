"""A day's species: first and last, counts, and the hours in which each was heard."""

from dataclasses import dataclass, field
from datetime import date, datetime, timedelta, tzinfo

from edge.records.moments import last_before
from edge.records.reader import RecordReader
from edge.records.statistics import SpeciesTally, species_of_day
from edge.system.days import local
from edge.web.pages.charts import Cell, cells
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
    tallies = species_of_day(reader, day, zone)
    most = max((max(tally.hours) for tally in tallies), default=0)
    return DayView(day, [_line(reader, tally, most, zone) for tally in tallies])


def _line(reader: RecordReader, tally: SpeciesTally, most: int, zone: tzinfo) -> DayLine:
    assert tally.first_ms is not None  # of a day all are dated
    assert tally.last_ms is not None
    return DayLine(
        name=named(tally.species_id, tally.scientific_name, tally.common_name),
        records=tally.records,
        first=local(tally.first_ms, zone),
        last=local(tally.last_ms, zone),
        hours=cells(tally.hours, most),
        note=_note(reader, tally, tally.first_ms, zone),
    )


def _note(reader: RecordReader, tally: SpeciesTally, first_ms: int, zone: tzinfo) -> str:
    if tally.is_new:
        return "first ever here"
    before_ms = last_before(reader, tally.species_id, first_ms)
    if before_ms is None:
        return ""
    away = (local(first_ms, zone).date() - local(before_ms, zone).date()).days
    return f"back after {away} days" if away >= _AWAY_DAYS else ""
