"""A run of consecutive samples as a source delivers it."""

from dataclasses import dataclass, replace

import numpy as np

from edge.contract.audio import Waveform


@dataclass(frozen=True)
class Block:
    """Samples with their place in the stream; a jump in `first_sample` is a gap."""

    samples: Waveform
    """float32[n], mono."""
    rate_hz: int
    """Hertz, the source's own rate."""
    first_sample: int
    """Index of the first sample since the source's start, gaps counted in."""
    monotonic_ns: int | None = None
    """Clock of the machine (CLOCK_MONOTONIC) when the last sample came in; None for a file."""
    resting: bool = False
    """No samples, because it is time to rest."""

    @property
    def end_sample(self) -> int:
        """First sample of the next block if nothing is lost."""
        return self.first_sample + len(self.samples)

    @property
    def length_s(self) -> float:
        """Seconds of sound."""
        return len(self.samples) / self.rate_hz

    def moved(self, samples: int) -> "Block":
        """The same, later."""
        return replace(self, first_sample=self.first_sample + samples)

    @classmethod
    def gap(cls, resting: bool = False) -> "Block":
        """No samples, and no place: here the stream has broken off, or rests."""
        return cls(np.empty(0, np.float32), 1, -1, resting=resting)
