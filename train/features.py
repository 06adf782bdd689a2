"""Log-mels of whole recordings, computed once and kept; training never decodes."""

import hashlib
import logging
from collections.abc import Sequence
from pathlib import Path

import torch
from torch import Tensor
from tqdm import tqdm

from edge.contract.errors import AudioError, DatasetError
from edge.framing import resample
from edge.recording import read_recording
from train.dataset import Item
from train.frontend import LogMel, LogMelSpec

_LOG = logging.getLogger(__name__)
FLOOR_DB = -100.0
"""Decibels of an empty mel bin: the front end's floor."""


def load_features(items: Sequence[Item], spec: LogMelSpec, cache: Path) -> list[Tensor | None]:
    """Log-mels, float16[frames, mel_bins] each, in the order of the items; None if unreadable.

    The cache is keyed by the items' paths, sizes and times and by the front end.

    Raises:
        DatasetError: not one item is readable.
    """
    file = cache / f"logmel-{_key(items, spec)}.pt"
    features: list[Tensor | None]
    if file.is_file():
        features = torch.load(file, weights_only=True)
    else:
        features = _compute(items, spec)
        _save(features, file)
    _report_unreadable(items, features)
    return features


def _save(features: list[Tensor | None], file: Path) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    temporary = file.with_suffix(".part")
    torch.save(features, temporary)
    temporary.replace(file)


def _report_unreadable(items: Sequence[Item], features: Sequence[Tensor | None]) -> None:
    bad = [str(item.path) for item, one in zip(items, features, strict=True) if one is None]
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
    tiled = log_mel.repeat(frames // len(log_mel), 1)
    rest = tiled.new_full((frames - len(tiled), log_mel.shape[1]), FLOOR_DB)
    return torch.cat([tiled, rest])


def windows(log_mel: Tensor, frames: int, hop: int) -> Tensor:
    """Overlapping windows of a recording: float32[n, 1, frames, mel_bins], the tail included."""
    last = max(len(log_mel) - frames, 0)
    starts = sorted({*range(0, last + 1, hop), last})
    return torch.stack([crop(log_mel, start, frames) for start in starts])[:, None].float()


def _compute(items: Sequence[Item], spec: LogMelSpec) -> list[Tensor | None]:
    frontend = LogMel(spec)
    return [_log_mel(one, frontend) for one in tqdm(items, "log-mels", disable=None)]


@torch.inference_mode()
def _log_mel(item: Item, frontend: LogMel) -> Tensor | None:
    try:
        waveform = read_waveform(item, frontend.spec.sample_rate_hz)
    except AudioError as error:
        _LOG.warning("%s; skipped", error)
        return None
    log_mel: Tensor = frontend(waveform[None])[0, 0].half().clone()
    return log_mel


def _key(items: Sequence[Item], spec: LogMelSpec) -> str:
    digest = hashlib.sha256(repr(spec).encode())
    for one in items:
        stat = one.path.stat() if one.path.is_file() else None
        digest.update(f"{one.path.resolve()} {stat and (stat.st_size, stat.st_mtime_ns)}".encode())
    return digest.hexdigest()[:16]


def to_power(log_mel: Tensor) -> Tensor:
    """Decibels to power."""
    return torch.pow(10.0, log_mel / 10)


def to_decibels(power: Tensor) -> Tensor:
    """Power to decibels with the front end's floor."""
    return 10 * torch.log10(power.clamp(min=10 ** (FLOOR_DB / 10)))
