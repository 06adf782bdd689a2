"""Weekly report: the species of seven days, at a set day and hour of the station's own time."""

import re
from dataclasses import dataclass
from datetime import datetime, time, timedelta, tzinfo
from typing import NamedTuple

from edge.contract.errors import ConfigError
from edge.contract.text import counted
from edge.records.query import Selection, SpeciesDay, count
from edge.records.reader import RecordReader

_DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_WRITTEN = re.compile(r"(\w{3}) +([01]?\d|2[0-3]):([0-5]\d)", re.ASCII)
_WEEK = timedelta(days=7)


class WeeklyReport(NamedTuple):
    """Species that were reported in a week."""

    begun: datetime
    ended: datetime
    species: list[SpeciesDay]
    """Most records first."""

    @property
    def title(self) -> str:
        """One line."""
        return f"Birds of the week to {self.ended:%Y-%m-%d}"

    @property
    def text(self) -> str:
        """A line of all, then one for each species."""
        records = sum(species.records for species in self.species)
        lines = [f"{len(self.species)} species, {counted(records, 'record')}"]
        lines += [f"{found.records} {found.common_name}{_new(found)}" for found in self.species]
        return "\n".join(lines)


@dataclass(frozen=True)
class WeeklyTime:
    """A day of the week and a time of day."""

    day: int
    """From 0, a Monday."""
    at: time

    def last_due(self, now: datetime) -> datetime:
        """The newest such moment that has passed, in the zone of `now`."""
        date = now.date() - timedelta(days=(now.weekday() - self.day) % 7)
        due = datetime.combine(date, self.at, now.tzinfo)
        return due if due <= now else _shifted(due, -_WEEK)


def read_weekly(text: str) -> WeeklyTime:
    """The day and the time of `mon 08:00`.

    Raises:
        ConfigError: it is written in another way.
    """
    found = _WRITTEN.fullmatch(text.strip().lower())
    if found is None or found[1] not in _DAYS:
        raise ConfigError(f"weekly: {text!r}, expected a day and a time such as 'mon 08:00'")
    return WeeklyTime(_DAYS.index(found[1]), time(int(found[2]), int(found[3])))


def weekly_report(records: RecordReader, ended: datetime) -> WeeklyReport:
    """The report of the seven days before a moment."""
    begun = _shifted(ended, -_WEEK)
    since, until = (round(moment.timestamp() * 1000) for moment in (begun, ended))
    found = count(records, Selection(since_ms=since, until_ms=until))
    return WeeklyReport(begun, ended, found)


def moment_of(milliseconds: int, zone: tzinfo) -> datetime:
    """A moment in UTC milliseconds, in a zone."""
    return datetime.fromtimestamp(milliseconds / 1000, zone)


def _shifted(moment: datetime, by: timedelta) -> datetime:
    """The same time of day on another date, whatever the clocks did in between."""
    return datetime.combine(moment.date() + by, moment.time(), moment.tzinfo)


def _new(species: SpeciesDay) -> str:
    return " (new here)" if species.is_new else ""
