"""Backpressure: where inference is slower than real time, windows are taken further apart."""

import logging
from dataclasses import dataclass

from edge.contract.audio_spec import AudioSpec

_LOG = logging.getLogger(__name__)
STEPS = (1.0, 1.5, 2.0, 3.0, 4.0, 6.0, 8.0, 12.0, 16.0)
"""The hop is widened by these, at most to the window, and narrowed again."""


@dataclass(frozen=True)
class PaceConfig:
    """Limits at which the hop changes."""

    full: float = 0.9
    """Share of a hop that inference may take before the hop widens."""
    easy: float = 0.6
    """Share of the next narrower hop below which it narrows."""
    memory: float = 0.7
    """Of the smoothed cost, from window to window."""
    least_windows: int = 4
    """Windows between two changes."""


class Pace:
    """Chooses the hop by what the windows cost.

    Args:
        spec: window, and the hop that is wanted.
        max_cpu: share of one core that all the work may take, such as 0.5; None doesn't care.
        config: when the hop changes.
    """

    def __init__(
        self, spec: AudioSpec, max_cpu: float | None = None, config: PaceConfig | None = None
    ) -> None:
        self._config, self._max_cpu = config or PaceConfig(), max_cpu
        self._rate_hz, window = spec.sample_rate_hz, spec.window_samples
        widened = (min(round(step * spec.hop_samples), window) for step in STEPS)
        self._hops = list(dict.fromkeys(widened))
        self._step, self._windows = 0, 0
        self._needed_s = 0.0
        self.changes = 0
        """How often the hop was widened or narrowed."""

    @property
    def hop_samples(self) -> int:
        """The hop to take now."""
        return self._hops[self._step]

    def took(self, busy_s: float, cpu_s: float) -> None:
        """A window is done.

        Args:
            busy_s: time it took.
            cpu_s: processor time of all threads.
        """
        needed_s = busy_s / self._config.full
        if self._max_cpu is not None:
            needed_s = max(needed_s, cpu_s / self._max_cpu)
        kept = self._config.memory if self._windows else 0.0
        self._needed_s = kept * self._needed_s + (1 - kept) * needed_s
        self._windows += 1
        if self._windows >= self._config.least_windows:
            self._adapt()

    def _adapt(self) -> None:
        if self._needed_s > self._hop_s(self._step) and self._step + 1 < len(self._hops):
            self._change(self._step + 1)
        elif self._step and self._needed_s < self._config.easy * self._hop_s(self._step - 1):
            self._change(self._step - 1)

    def _change(self, step: int) -> None:
        before_s, self._step, self._windows = self._hop_s(self._step), step, 1
        self.changes += 1
        _LOG.warning(
            "a window needs %.2f s: the hop is %.2f s now (%.2f s before)",
            self._needed_s,
            self._hop_s(step),
            before_s,
        )

    def _hop_s(self, step: int) -> float:
        return self._hops[step] / self._rate_hz
