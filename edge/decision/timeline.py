"""Timeline of a source's windows: the part of its time that each of them speaks for. Pure."""

from dataclasses import dataclass, replace


@dataclass(frozen=True, kw_only=True)
class Span:
    """Part of a source's time that one window speaks for; those of two windows never overlap.

    A window passes when the song is in its middle, so it speaks for the hop there. The first one,
    and the first after a gap, speaks for all of its sound before that, too.
    """

    window_start: int
    window_end: int
    """End of its sound."""
    hop_samples: int
    """Distance between windows when it was cut."""
    middle_sample: int
    """Start of the hop in the window's middle."""
    start_sample: int
    end_sample: int

    def repeats(self, before: "Span | None") -> bool:
        """True if less than half a hop of sound is new since a window before.

        So it is with a window that is aligned to the end of a file, or to a gap.
        """
        if before is None:
            return False
        return 2 * (self.window_start - before.window_start) < self.hop_samples

    def earlier(self, samples: int) -> "Span":
        """The same, some samples earlier, as far as it is a place to begin."""
        return replace(
            self,
            middle_sample=self.middle_sample - samples,
            start_sample=self.start_sample - samples,
        )


class Timeline:
    """Shares the time of one source out among its windows.

    Args:
        window_samples: length of a window; one that holds less sound is all there is of it.
    """

    def __init__(self, window_samples: int) -> None:
        self._window_samples = window_samples
        self.heard_to = 0
        """End of the newest window's sound."""
        self.spoken_to = 0
        """End of the newest window's span."""
        self.distinct = 0
        """Windows so far that don't repeat another."""
        self._last_distinct: Span | None = None

    def add(self, start: int, end: int, hop: int) -> Span:
        """Take the next window.

        Args:
            start: of the window, in samples.
            end: of its sound.
            hop: distance between windows now.
        """
        middle = start + (self._window_samples - hop) // 2
        begin = max(start, self.spoken_to)
        short = end < start + self._window_samples
        self.heard_to = end
        # A hop that narrows at once to less than a third leaves nothing to speak for.
        self.spoken_to = max(end if short else middle + hop, begin + 1)
        span = Span(
            window_start=start,
            window_end=end,
            hop_samples=hop,
            middle_sample=middle,
            start_sample=begin,
            end_sample=self.spoken_to,
        )
        if not span.repeats(self._last_distinct):
            self.distinct, self._last_distinct = self.distinct + 1, span
        return span
