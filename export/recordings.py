"""Windows of recordings, for calibration and comparison."""

import logging
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from edge.contract.arrays import Float32s
from edge.contract.audio_spec import AudioSpec
from edge.contract.taxonomy import Taxonomy
from edge.dsp.gate import GateConfig, passing
from edge.source.framing import frame_waveform
from gallery.calibration.recordings import LabelledRecording, read_recordings

__all__ = ["LabelledRecording", "cut", "read_recorded", "windows_of"]
_LOG = logging.getLogger(__name__)
_MOST = 256
"""Recordings of birds."""
_EACH = 2
"""Windows of one recording that are compared."""


def read_recorded(
    data: str | Path, split: str, rate_hz: int, taxonomy: Taxonomy | None = None
) -> list[LabelledRecording]:
    """Some recordings of birds, spread over a data set's split.

    Args:
        data: see `gallery.data.corpora`.
        split: of the recordings.
        rate_hz: what to resample to.
        taxonomy: species go by the names by which it knows them.

    Raises:
        DatasetError: there is no data set.
    """
    return read_recordings(data, split, rate_hz, birds=True, most=_MOST, taxonomy=taxonomy)


def windows_of(recording: LabelledRecording, audio: AudioSpec) -> Float32s:
    """A recording's windows side by side, without those that the gate leaves out."""
    beside = replace(audio, hop_samples=audio.window_samples)
    framed = list(frame_waveform(recording.waveform, audio.sample_rate_hz, beside))
    return np.stack([window.samples for window in passing(framed, GateConfig())])


def cut(recorded: Sequence[LabelledRecording], audio: AudioSpec) -> Float32s | None:
    """The first windows of every recording: float32[windows, samples]; None without recordings."""
    parts: Iterator[Float32s] = (windows_of(recording, audio)[:_EACH] for recording in recorded)
    return np.concatenate(list(parts)) if recorded else None
