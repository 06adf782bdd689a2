"""Charts as tables and bars: counts with the shade that each is drawn in."""

from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta, tzinfo

from edge.records.reader import RecordReader
from edge.records.tally import hours
from edge.system.days import days_between, span_ms

HOURS = 24
SHADES = 6
"""Steps of a colour from some to most; 0 is nothing."""
_DAYS_OF_WEEK = 7


@dataclass(frozen=True)
class Cell:
    """A count, and its shade from 0 to SHADES."""

    records: int
    shade: int


@dataclass(frozen=True)
class HeatRow:
    """A day of the heatmap."""

    day: date
    hours: list[Cell]

    @property
    def records(self) -> int:
        """Count of the day."""
        return sum(cell.records for cell in self.hours)


@dataclass(frozen=True)
class MonthView:
    """A month of the calendar."""

    first: date
    blanks: int
    """Days of the week before its first."""
    days: list[tuple[date, Cell]]

    @property
    def records(self) -> int:
        """Count of the month."""
        return sum(cell.records for _, cell in self.days)

    @property
    def weeks(self) -> list[list[tuple[date, Cell] | None]]:
        """Rows of seven, Monday first."""
        places: list[tuple[date, Cell] | None] = [None] * self.blanks + [*self.days]
        places += [None] * (-len(places) % _DAYS_OF_WEEK)
        return [places[at : at + _DAYS_OF_WEEK] for at in range(0, len(places), _DAYS_OF_WEEK)]


@dataclass(frozen=True)
class Bar:
    """A bar of a chart, in hundredths of its height."""

    label: str
    records: int
    height: int
    top: int


def cells(numbers: Sequence[int], most: int) -> list[Cell]:
    """Counts with their shades; `most` has the darkest."""
    return [Cell(number, shade(number, most)) for number in numbers]


def shade(number: int, most: int) -> int:
    """By the square root: one record among hundreds is still seen."""
    return 0 if not number else max(1, round(SHADES * (number / most) ** 0.5))


def bars(numbers: Sequence[int], labels: Sequence[str]) -> list[Bar]:
    """Bars of counts; the highest reaches 100."""
    most = max(numbers, default=0) or 1
    return [
        Bar(label, number, height := round(100 * number / most), 100 - height)
        for label, number in zip(labels, numbers, strict=True)
    ]


def heatmap(
    reader: RecordReader, last: date, length: int, zone: tzinfo, species: Sequence[str] | None
) -> list[HeatRow]:
    """Days by hours, newest day first.

    Args:
        reader: of the station.
        last: newest day.
        length: days.
        zone: whose hours count.
        species: ids; None: all.
    """
    days = [*days_between(last - timedelta(days=length - 1), last)]
    since_ms, until_ms = span_ms(days[0], zone)[0], span_ms(last, zone)[1]
    by_hour: dict[tuple[date, int], int] = defaultdict(int)
    for day, hour, number in hours(
        reader, zone, since_ms=since_ms, until_ms=until_ms, species=species
    ):
        by_hour[day, hour] += number
    most = max(by_hour.values(), default=0)
    return [
        HeatRow(day, cells([by_hour.get((day, hour), 0) for hour in range(HOURS)], most))
        for day in reversed(days)
    ]


def calendar(
    reader: RecordReader, year: int, zone: tzinfo, species: Sequence[str] | None
) -> list[MonthView]:
    """The months of a year, each day with its count."""
    days = [*days_between(date(year, 1, 1), date(year, 12, 31))]
    by_day = _by_day(reader, days, zone, species)
    found = [by_day[day] for day in days]
    shaded = dict(zip(days, cells(found, max(found)), strict=True))
    return [_month(date(year, month, 1), shaded) for month in range(1, 13)]


def weeks(
    reader: RecordReader, last: date, number: int, zone: tzinfo, species: Sequence[str] | None
) -> list[Bar]:
    """Counts of the last weeks, which end with a day."""
    begun = last - timedelta(days=_DAYS_OF_WEEK * number - 1)
    found = [0] * number
    for day, records in _by_day(reader, [begun, last], zone, species).items():
        found[(day - begun).days // _DAYS_OF_WEEK] += records
    first_days = [begun + timedelta(days=_DAYS_OF_WEEK * week) for week in range(number)]
    return bars(found, [f"week from {day.day} {day:%b %Y}" for day in first_days])


def _by_day(
    reader: RecordReader, days: Sequence[date], zone: tzinfo, species: Sequence[str] | None
) -> Counter[date]:
    """Counts from the first day to the last."""
    since_ms, until_ms = span_ms(days[0], zone)[0], span_ms(days[-1], zone)[1]
    found: Counter[date] = Counter()
    for day, _, number in hours(
        reader, zone, since_ms=since_ms, until_ms=until_ms, species=species
    ):
        found[day] += number
    return found


def _month(first: date, shaded: dict[date, Cell]) -> MonthView:
    days = [(day, cell) for day, cell in shaded.items() if day.month == first.month]
    return MonthView(first, first.weekday(), days)
