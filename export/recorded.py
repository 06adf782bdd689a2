"""Windows of recordings, for calibration and comparison."""

import logging
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import numpy.typing as npt

from edge.contract.audio import AudioSpec
from edge.gate import GateConfig, lively
from edge.source.framing import frame_waveform
from gallery.takes import Take as Recorded
from gallery.takes import read_takes

__all__ = ["Recorded", "cut", "read_recorded", "windows_of"]
_LOG = logging.getLogger(__name__)
_MOST = 256
"""Recordings of birds."""
_EACH = 2
"""Windows of one recording that are compared."""


def read_recorded(folder: Path, split: str, rate_hz: int) -> list[Recorded]:
    """Some recordings of birds, spread over a data set's split.

    Raises:
        DatasetError: there is no data set.
    """
    return read_takes(folder, split, rate_hz, birds=True, most=_MOST)


def windows_of(one: Recorded, audio: AudioSpec) -> npt.NDArray[np.float32]:
    """A recording's windows side by side, without those that the gate leaves out."""
    beside = replace(audio, hop_samples=audio.window_samples)
    framed = list(frame_waveform(one.waveform, audio.sample_rate_hz, beside))
    return np.stack([window.samples for window in lively(framed, GateConfig())])


def cut(recorded: Sequence[Recorded], audio: AudioSpec) -> npt.NDArray[np.float32] | None:
    """The first windows of every recording: float32[windows, samples]; None without recordings."""
    parts: Iterator[npt.NDArray[np.float32]] = (windows_of(one, audio)[:_EACH] for one in recorded)
    return np.concatenate(list(parts)) if recorded else None
