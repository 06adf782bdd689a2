"""Estimate of the log-mels of a corpus on disk, by a sample of its recordings."""

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from edge.contract.errors import AudioError
from edge.source.recording import read_blocks
from gallery.data.dataset import Item
from train.model.frontend import LogMelSpec
from train.sound.cache import file_key
from train.sound.features import log_mel_folder
from train.sound.shards import Shards

_SAMPLE, _ENOUGH_S = 16, 1800.0
"""Recordings that are decoded, fewer if they are long."""
_BYTES = 2


@dataclass(frozen=True)
class CacheSize:
    """Bytes of log-mels."""

    whole: int
    """Of all recordings."""
    missing: int
    """Of those that are not in the cache yet."""


def estimate_cache(items: Sequence[Item], spec: LogMelSpec, cache: Path) -> CacheSize:
    """Bytes that log-mels take, by the lengths of a few files and the sizes of all.

    Args:
        items: recordings; those that can't be read count nothing.
        spec: of the log-mels.
        cache: where they are kept.
    """
    shards, sizes = Shards(log_mel_folder(cache, spec)), [_size(item.path) for item in items]
    new = [
        size
        for item, size in zip(items, sizes, strict=True)
        if size and file_key(item.path) not in shards
    ]
    ratio = _seconds_per_byte(items) * spec.sample_rate_hz / spec.hop_samples
    byte = ratio * spec.mel_bins * _BYTES
    return CacheSize(round(sum(sizes) * byte), round(sum(new) * byte))


def _seconds_per_byte(items: Sequence[Item]) -> float:
    step = max(len(items) // _SAMPLE, 1)
    seconds, size = 0.0, 0
    for item in items[::step][:_SAMPLE]:
        seconds, size = seconds + _seconds(item.path), size + _size(item.path)
        if seconds > _ENOUGH_S:
            break
    return seconds / max(size, 1)


def _seconds(path: Path) -> float:
    """Length of a recording, as far as it can be read."""
    read_s = 0.0
    with suppress(AudioError):
        for block in read_blocks(path):
            read_s += block.length_s
    return read_s


def _size(path: Path) -> int:
    return path.stat().st_size if path.is_file() else 0
