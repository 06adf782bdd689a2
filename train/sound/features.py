"""Log-mels of whole recordings, computed once and kept; training never decodes."""

import hashlib
import logging
from collections.abc import Sequence
from pathlib import Path
from typing import overload

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from edge.contract.arrays import Array, Flags
from edge.contract.errors import DatasetError
from edge.source.resampling import resample
from gallery.data.dataset import Item
from gallery.data.reading import read_item
from train.model.frontend import LogMel, LogMelSpec
from train.sound.cache import load_each
from train.sound.shards import KeptArrays

_LOG = logging.getLogger(__name__)
FLOOR_DB = -100.0
"""Decibels of an empty mel bin: the front end's floor."""


class KeptLogMels(Sequence[Tensor]):
    """Log-mels, float16[frames, mel_bins] each, that are opened when they are asked for.

    Args:
        arrays: of recordings, all readable.
    """

    def __init__(self, arrays: KeptArrays) -> None:
        self._arrays = arrays

    def __len__(self) -> int:
        return len(self._arrays)

    @overload
    def __getitem__(self, place: int) -> Tensor: ...
    @overload
    def __getitem__(self, place: slice) -> "KeptLogMels": ...
    def __getitem__(self, place: int | slice) -> "Tensor | KeptLogMels":
        """One recording's, memory-mapped; or some in a row."""
        if isinstance(place, slice):
            return KeptLogMels(self._arrays[place])
        if not -len(self) <= place < len(self):
            raise IndexError(place)
        array = self._arrays[place]
        assert array is not None
        return torch.from_numpy(array)

    @property
    def lengths(self) -> Tensor:
        """int64[recordings] frames."""
        return torch.from_numpy(self._arrays.lengths)


def load_features(
    items: Sequence[Item], spec: LogMelSpec, cache: Path
) -> tuple[list[Item], KeptLogMels]:
    """The readable ones of some recordings in order, and their log-mels.

    Raises:
        DatasetError: not one item is readable.
    """
    arrays = load_each(items, log_mel_folder(cache, spec), LogMels(spec))
    _report_unreadable(items, arrays.present)
    readable = [item for item, present in zip(items, arrays.present, strict=True) if present]
    return readable, KeptLogMels(arrays.readable)


def log_mel_folder(cache: Path, spec: LogMelSpec) -> Path:
    """Folder that keeps the log-mels of a front end."""
    return cache / f"log-mels-{hashlib.sha256(repr(spec).encode()).hexdigest()[:8]}"


class LogMels:
    """Computes the log-mel of a whole recording, float16[frames, mel_bins]."""

    def __init__(self, spec: LogMelSpec) -> None:
        self._frontend = LogMel(spec)

    @torch.inference_mode()
    def __call__(self, item: Item) -> Array:
        """One recording's."""
        waveform = read_waveform(item, self._frontend.spec.sample_rate_hz)
        log_mel: Array = self._frontend(waveform[None])[0, 0].half().numpy()
        return log_mel


def _report_unreadable(items: Sequence[Item], present: Flags) -> None:
    bad = [str(items[n].path) for n in np.flatnonzero(~present).tolist()]
    if len(bad) == len(items):
        raise DatasetError(f"none of {len(bad)} recordings is readable, first {bad[0]}")
    if bad:
        _LOG.warning("%d of %d recordings left out: %s", len(bad), len(items), ", ".join(bad))


def read_waveform(item: Item, rate_hz: int) -> Tensor:
    """A recording at a rate: float32[samples].

    Raises:
        AudioError: the recording is unreadable.
    """
    return torch.from_numpy(resample(*read_item(item), rate_hz))


def crop(log_mel: Tensor, start: int, frames: int) -> Tensor:
    """Cut frames out of float[frames, mel_bins]; a short clip is tiled ("repeatpad")."""
    if len(log_mel) >= frames:
        return log_mel[start : start + frames]
    return fill(log_mel, frames)


def fill(log_mel: Tensor, frames: int) -> Tensor:
    """Repeat float[..., n, mel_bins] to more frames, as often as fits whole; the rest is mute."""
    tiled = torch.cat([log_mel] * (frames // log_mel.shape[-2]), dim=-2)
    return functional.pad(tiled, (0, 0, 0, frames - tiled.shape[-2]), value=FLOOR_DB)


def to_power(log_mel: Tensor) -> Tensor:
    """Decibels to power."""
    return torch.pow(10.0, log_mel / 10)


def to_decibels(power: Tensor) -> Tensor:
    """Power to decibels with the front end's floor."""
    return 10 * torch.log10(power.clamp(min=10 ** (FLOOR_DB / 10)))
