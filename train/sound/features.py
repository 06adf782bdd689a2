"""Log-mels of whole recordings, computed once and kept; training never decodes."""

import hashlib
import logging
from collections.abc import Sequence
from pathlib import Path

import torch
from torch import Tensor
from torch.nn import functional

from edge.contract.arrays import Array
from edge.contract.errors import DatasetError
from edge.source.recording import read_recording
from edge.source.resampling import resample
from gallery.data.dataset import Item
from train.model.frontend import LogMel, LogMelSpec
from train.sound.cache import load_each

_LOG = logging.getLogger(__name__)
FLOOR_DB = -100.0
"""Decibels of an empty mel bin: the front end's floor."""


def load_features(items: Sequence[Item], spec: LogMelSpec, cache: Path) -> list[Tensor | None]:
    """Log-mels, float16[frames, mel_bins] each, in the order of the items; None if unreadable.

    Raises:
        DatasetError: not one item is readable.
    """
    arrays = load_each(items, features_folder(spec, cache), LogMels(spec))
    features = [None if array is None else torch.from_numpy(array) for array in arrays]
    _report_unreadable(items, features)
    return features


def features_folder(spec: LogMelSpec, cache: Path) -> Path:
    """Folder of the cache that log-mels of a front end lie in."""
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


def _report_unreadable(items: Sequence[Item], features: Sequence[Tensor | None]) -> None:
    bad = [str(item.path) for item, feature in zip(items, features, strict=True) if feature is None]
    if len(bad) == len(items):
        raise DatasetError(f"none of {len(bad)} recordings is readable, first {bad[0]}")
    if bad:
        _LOG.warning("%d of %d recordings left out: %s", len(bad), len(items), ", ".join(bad))


def read_waveform(item: Item, rate_hz: int) -> Tensor:
    """A recording at a rate: float32[samples].

    Raises:
        AudioError: the recording is unreadable.
    """
    return torch.from_numpy(resample(*read_recording(item.path), rate_hz))


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
