"""Effort of a live source: the spans of time in which it was really heard."""

from collections.abc import Iterator

from edge.contract.text import well_formed
from edge.records.detection import Listened
from edge.source.framing import Window
from edge.system import clock

_EVERY_MS = 300_000
"""A span is told as often while it goes on; a power cut loses no more of it."""
_ASTRAY_MS = 60_000
"""A clock that leaves the count of samples by more was set: a span begins anew."""


class Effort:
    """Follows one live source.

    Args:
        source: its name.
        rate_hz: of the samples of windows.
    """

    def __init__(self, source: str, rate_hz: int) -> None:
        self._source, self._rate_hz = well_formed(source), rate_hz
        self._begun_ms = self._told_ms = 0
        self._first = self._end = -1
        """Samples at which the span began, and ends as yet."""

    def after(self, window: Window) -> Iterator[Listened]:
        """Spans to tell, once a window was heard."""
        ended_ms = clock.now_ms() if window.ended_ns is None else clock.utc_ms(window.ended_ns)
        if not self._goes_on(window, ended_ms):
            yield from self.finish()
            self._first = window.start_sample
            self._begun_ms = ended_ms - self._ms(window.end_sample)
            self._told_ms = self._begun_ms
        self._end = window.end_sample
        if self._ended_ms - self._told_ms >= _EVERY_MS:
            yield from self.finish()

    def finish(self) -> Iterator[Listened]:
        """The span as it is now; none before the first window."""
        if self._end > self._first:
            self._told_ms = self._ended_ms
            yield Listened(self._source, self._begun_ms, self._ended_ms)

    def _goes_on(self, window: Window, ended_ms: int) -> bool:
        if self._end < 0 or not self._first <= window.start_sample <= self._end:
            return False
        return abs(self._begun_ms + self._ms(window.end_sample) - ended_ms) < _ASTRAY_MS

    @property
    def _ended_ms(self) -> int:
        return self._begun_ms + self._ms(self._end)

    def _ms(self, sample: int) -> int:
        """Milliseconds from the beginning of the span."""
        return (sample - self._first) * 1000 // self._rate_hz
