"""Rate, window and hop of an encoder. Inside, time is counted in samples."""

from dataclasses import dataclass

from edge.contract.errors import BundleError


@dataclass(frozen=True)
class AudioSpec:
    """Rate, window and hop of an encoder.

    Raises:
        BundleError: a value is not positive, or the hop is longer than the window.
    """

    sample_rate_hz: int
    """Hertz."""
    window_samples: int
    """Length of one encoder input."""
    hop_samples: int
    """Distance between the starts of two windows."""

    def __post_init__(self) -> None:
        numbers = (self.sample_rate_hz, self.window_samples, self.hop_samples)
        if not all(type(number) is int for number in numbers):
            raise BundleError(f"audio: rate, window and hop must be whole numbers, found {self}")
        if min(self.sample_rate_hz, self.window_samples, self.hop_samples) <= 0:
            raise BundleError(f"audio: rate, window and hop must be positive, found {self}")
        if self.hop_samples > self.window_samples:
            raise BundleError(
                f"audio: hop {self.hop_samples} exceeds the window {self.window_samples}: "
                "samples between two windows would never be heard"
            )

    @property
    def window_s(self) -> float:
        """Window length in seconds."""
        return self.window_samples / self.sample_rate_hz

    @property
    def overlap(self) -> int:
        """Windows that hold one instant, at most."""
        return -(-self.window_samples // self.hop_samples)
