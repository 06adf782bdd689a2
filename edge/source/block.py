"""A run of consecutive samples as a source delivers it."""

from dataclasses import dataclass

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

    @property
    def end_sample(self) -> int:
        """Where the next block begins if nothing is lost."""
        return self.first_sample + len(self.samples)
