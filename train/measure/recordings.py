"""Recordings cut into windows, gated, and compared with background as the listener does it."""

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from edge.contract.arrays import Array, Embeddings, Places
from edge.contract.errors import DatasetError
from edge.dsp.gate import GateConfig, passing
from edge.recognition.background import thinned
from edge.source.framing import frame_waveform
from edge.source.recording import read_recording
from gallery.data.dataset import Item
from train.measure.retrieval import PooledEmbeddings
from train.model.frontend import InputSpec, LogMel
from train.sound.cache import load_each


@dataclass(frozen=True)
class Recordings:
    """Windows of readable recordings."""

    items: tuple[Item, ...]
    log_mels: tuple[Tensor, ...]
    """float16[windows, 1, frames, mel_bins] a recording, memory-mapped."""
    recording: Places
    """int[windows], ascending: whose window it is."""

    @property
    def species(self) -> npt.NDArray[np.str_]:
        """str[recordings], ids; empty for background."""
        return np.array([item.species_id for item in self.items])


def load_recordings(items: Sequence[Item], input_spec: InputSpec, cache: Path) -> Recordings:
    """Cut recordings into windows; unreadable ones are named and left out.

    Args:
        items: recordings.
        input_spec: how they are cut and heard.
        cache: where windows are kept.

    Raises:
        DatasetError: not one is readable.
    """
    cut = Windows(input_spec)
    found = load_each(items, cache / cut.name, cut)
    readable = [
        (item, log_mel) for item, log_mel in zip(items, found, strict=True) if log_mel is not None
    ]
    if not readable:
        raise DatasetError(f"none of {len(items)} recordings is readable")
    return Recordings(
        tuple(item for item, _ in readable),
        tuple(torch.from_numpy(log_mel) for _, log_mel in readable),
        np.repeat(np.arange(len(readable)), [len(log_mel) for _, log_mel in readable]),
    )


def embed(
    recordings: Recordings,
    background: Recordings | None,
    methods: Callable[[Sequence[Tensor]], dict[str, Embeddings]],
) -> dict[str, tuple[PooledEmbeddings, Embeddings | None]]:
    """Recordings, and windows of background, as every method hears them.

    Args:
        recordings: of birds.
        background: of background.
        methods: log-mels to embeddings, float32[windows, dim], by name.
    """
    count = len(recordings.recording)
    log_mels = (*recordings.log_mels, *(background.log_mels if background else ()))
    return {
        name: (
            PooledEmbeddings(rows[:count], recordings.recording),
            thinned(rows[count:]) if background else None,
        )
        for name, rows in methods(log_mels).items()
    }


class Windows:
    """Computes the log-mel of a recording's windows, float16[windows, 1, frames, mels].

    The gate leaves out what the listener would, too.
    """

    def __init__(self, input_spec: InputSpec) -> None:
        self._frontend, self._audio = LogMel(input_spec.frontend), input_spec.audio
        self._gate = GateConfig()
        settings = repr((input_spec.frontend, self._audio, self._gate))
        self.name = f"windows-{hashlib.sha256(settings.encode()).hexdigest()[:8]}"

    @torch.inference_mode()
    def __call__(self, item: Item) -> Array:
        """One recording's."""
        framed = list(frame_waveform(*read_recording(item.path), self._audio))
        audible = passing(framed, self._gate)
        waveforms = torch.from_numpy(np.stack([window.samples for window in audible]))
        log_mels: Array = self._frontend(waveforms).half().numpy()
        return log_mels
