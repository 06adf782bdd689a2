"""Days of a zone: when they begin, and which day a moment belongs to."""

from bisect import bisect_left
from collections.abc import Iterator
from datetime import date, datetime, time, timedelta, timezone, tzinfo

QUARTER_MS = 900_000
"""A quarter of an hour, in which no zone's day begins or ends."""
_WEEK_MS = 7 * 86_400_000
"""No zone sets its clocks twice within it."""


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


def offsets(since_ms: int, until_ms: int, zone: tzinfo) -> Iterator[tuple[int, int, int]]:
    """Spans without a change of a zone's clocks.

    Args:
        since_ms: UTC in milliseconds, at a full quarter of an hour.
        until_ms: exclusive.
        zone: whose clocks are set.

    Returns:
        Beginning and end of each in UTC milliseconds, and the seconds that clocks are ahead of UTC.
    """
    begun, offset = since_ms, _offset_s(since_ms, zone)
    for moment in range(since_ms, until_ms, _WEEK_MS):
        ended = min(moment + _WEEK_MS, until_ms)
        if _offset_s(ended, zone) == offset:
            continue
        span = range(moment, ended + 1, QUARTER_MS)
        place = bisect_left(span, True, key=lambda at: _offset_s(at, zone) != offset)
        change = span[place] if place < len(span) else ended
        yield begun, change, offset
        begun, offset = change, _offset_s(change, zone)
    if begun < until_ms:
        yield begun, until_ms, offset


def _offset_s(moment_ms: int, zone: tzinfo) -> int:
    return round((local(moment_ms, zone).utcoffset() or timedelta()).total_seconds())
