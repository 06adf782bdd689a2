"""Waveforms, and the windows they are cut into. Inside, time is counted in samples."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from edge.contract.errors import AudioError, BundleError

Waveform = npt.NDArray[np.float32]
"""float32[samples], mono, in [-1, 1]."""


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


def to_mono_float32(pcm: npt.NDArray[Any]) -> Waveform:
    """Average the channels and scale integers to [-1, 1].

    Args:
        pcm: int16, int32 or float [samples] or [samples, channels].

    Raises:
        AudioError: another dtype or shape, or a sample that is not finite.
    """
    if pcm.ndim not in (1, 2) or pcm.dtype.kind not in "if":
        raise AudioError(
            f"audio: expected samples or [samples, channels], found {pcm.dtype}{list(pcm.shape)}"
        )
    scale = 1.0 if pcm.dtype.kind == "f" else float(np.iinfo(pcm.dtype).max) + 1.0
    samples = pcm.astype(np.float32) / np.float32(scale)
    mono = samples if samples.ndim == 1 else samples.mean(axis=1, dtype=np.float32)
    if not np.isfinite(mono).all():
        raise AudioError("audio: contains samples that are NaN or infinite")
    return mono


def repeat_pad(waveform: Waveform, samples: int) -> Waveform:
    """Tile a short clip as often as it fits, then add zeros ("repeatpad" of CLAP).

    Args:
        waveform: float32[n] with n >= 1.
        samples: length wanted; a longer waveform is returned as it is.
    """
    if len(waveform) >= samples:
        return waveform
    tiled = np.tile(waveform, samples // len(waveform))
    return np.pad(tiled, (0, samples - len(tiled)))
