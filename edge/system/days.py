"""Days of a zone: when they begin, and which day a moment belongs to."""

from collections.abc import Iterator
from datetime import date, datetime, time, timedelta, timezone, tzinfo


def midnight(day: date, zone: tzinfo) -> datetime:
    """The moment at which a day begins."""
    return datetime.combine(day, time(), zone)


def next_midnight(begun: datetime) -> datetime:
    """Midnight after a day, which may have 23 hours, or 25."""
    return midnight(begun.date() + timedelta(days=1), begun.tzinfo or timezone.utc)


def epoch_ms(moment: datetime) -> int:
    """UTC in milliseconds since the epoch."""
    return round(moment.timestamp() * 1000)


def span_ms(day: date, zone: tzinfo) -> tuple[int, int]:
    """Beginning and end of a day, in UTC milliseconds."""
    begun = midnight(day, zone)
    return epoch_ms(begun), epoch_ms(next_midnight(begun))


def local(moment_ms: int, zone: tzinfo) -> datetime:
    """A moment of UTC milliseconds, in a zone."""
    return datetime.fromtimestamp(moment_ms / 1000, zone)


def today(zone: tzinfo) -> date:
    """The day that it is in a zone."""
    return datetime.now(zone).date()


def days_between(first: date, last: date) -> Iterator[date]:
    """Every day from one to another, both included."""
    for number in range((last - first).days + 1):
        yield first + timedelta(days=number)
