"""Health of a report's span: how long something was heard, where the gaps lie, whose clock ran."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, timedelta, tzinfo

from edge.contract.text import counted
from edge.records.query import Selection, listened, unsynchronised
from edge.records.reader import RecordReader
from edge.system.days import days_between, local, span_ms

_WIDTH, _HEIGHT, _LABEL = 432, 18, 190
_HOUR_MS = 3_600_000
_LEAST_GAP_MS = 60_000
"""A shorter one is no gap to tell of: a device that was opened again."""
_UNTOLD_MS = 330_000
"""A running listener tells what it hears every five minutes (edge/pipeline/effort.py)."""


@dataclass(frozen=True, kw_only=True)
class ListeningHealth:
    """Times that were listened to, within a span that ends no later than now."""

    begun_ms: int
    ended_ms: int
    is_over: bool
    """The span ended before this moment."""
    heard: Sequence[tuple[int, int]]
    """Begun and ended, in UTC milliseconds, in order, none within another."""
    unsynchronised: int
    """Records of live sources whose clock was not known to be right."""

    @property
    def heard_ms(self) -> int:
        """Length of all that was heard."""
        return sum(ended - begun for begun, ended in self.heard)

    @property
    def gaps(self) -> list[tuple[int, int]]:
        """Spans between in which nothing was heard, begun and ended, the longest first."""
        edges = [self.begun_ms, *(edge for span in self.heard for edge in span), self.ended_ms]
        pairs = zip(edges[::2], edges[1::2], strict=True)
        found = [(begun, ended) for begun, ended in pairs if self._is_gap(begun, ended)]
        return sorted(found, key=lambda gap: gap[0] - gap[1])

    def _is_gap(self, begun: int, ended: int) -> bool:
        is_going_on = ended == self.ended_ms and not self.is_over
        return ended - begun >= (_UNTOLD_MS if is_going_on else _LEAST_GAP_MS)

    def told(self, zone: tzinfo) -> list[str]:
        """It in words."""
        asked = _hours(self.ended_ms - self.begun_ms)
        words = [f"{_hours(self.heard_ms)} of {asked} listened"]
        if self.gaps and self.heard:
            begun, ended = (local(moment, zone) for moment in self.gaps[0])
            told = f"the longest from {begun:%d %b %H:%M} to {ended:%d %b %H:%M}"
            words.append(f"{counted(len(self.gaps), 'gap')}, {told}")
        if self.unsynchronised:
            words.append(f"{counted(self.unsynchronised, 'record')} by a clock that was not set")
        return words


def listening_health(records: RecordReader, selection: Selection, now_ms: int) -> ListeningHealth:
    """Health of a selection that has a beginning."""
    begun_ms = selection.since_ms or 0
    ended_ms = max(begun_ms, min(selection.until_ms or now_ms, now_ms))
    return ListeningHealth(
        begun_ms=begun_ms,
        ended_ms=ended_ms,
        is_over=ended_ms < now_ms,
        heard=listened(records, begun_ms, ended_ms),
        unsynchronised=unsynchronised(records, selection),
    )


def to_strips(health: ListeningHealth, zone: tzinfo) -> str:
    """An SVG with a row a day, dark where something was heard."""
    first, last = (local(moment, zone).date() for moment in (health.begun_ms, health.ended_ms - 1))
    days = list(days_between(first, max(first, last)))
    height, width = len(days) * _HEIGHT, _LABEL + _WIDTH
    rows = "".join(_row(place, day, health, zone) for place, day in enumerate(days))
    return (
        f'<svg role="img" aria-label="When something was heard, by day" '
        f'viewBox="0 0 {width} {height}" width="{width}" height="{height}">{rows}</svg>'
    )


def _row(place: int, day: date, health: ListeningHealth, zone: tzinfo) -> str:
    top, (begun, ended) = place * _HEIGHT, span_ms(day, zone)
    bars = "".join(
        f'<rect x="{_LABEL + _WIDTH * start:.1f}" y="{top}" height="{_HEIGHT - 4}" '
        f'width="{max(_WIDTH * share, 1):.1f}"/>'
        for start, share in _shares(health.heard, begun, ended)
    )
    ground = f'<rect x="{_LABEL}" y="{top}" width="{_WIDTH}" height="{_HEIGHT - 4}" '
    return f'<text x="0" y="{top + 12}">{day:%a %d %b}</text>{ground}fill-opacity="0.12"/>{bars}'


def _shares(
    heard: Sequence[tuple[int, int]], begun: int, ended: int
) -> Iterator[tuple[float, float]]:
    """Beginning and length of what was heard within a day, as shares of it."""
    for start, end in heard:
        start, end = max(start, begun), min(end, ended)
        if start < end:
            yield (start - begun) / (ended - begun), (end - start) / (ended - begun)


def _hours(length_ms: int) -> str:
    if length_ms < _HOUR_MS:
        return f"{timedelta(milliseconds=length_ms).seconds // 60} min"
    return f"{length_ms / _HOUR_MS:.1f} h"
