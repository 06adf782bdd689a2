"""Waveforms: mono float32."""

from typing import Any

import numpy as np
import numpy.typing as npt

from edge.contract.errors import AudioError

Waveform = npt.NDArray[np.float32]
"""float32[samples], mono, in [-1, 1]."""


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
