"""Estimate of the log-mels of a corpus on disk, by a sample of its recordings."""

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from edge.contract.errors import AudioError
from edge.source.recording import read_blocks
from gallery.data.dataset import Item
from train.model.frontend import LogMelSpec
from train.sound.cache import item_key
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
    """Bytes that log-mels take: by the seconds of parts, of the rest by the sizes of all files.

    Args:
        items: recordings; those that can't be read count nothing.
        spec: of the log-mels.
        cache: where they are kept.
    """
    kept = Shards(log_mel_folder(cache, spec)).arrays(map(item_key, items))
    ratio = _seconds_per_byte([item for item in items if item.end_s is None])
    lengths = np.array([_length_s(item, ratio) for item in items])
    second = spec.sample_rate_hz / spec.hop_samples * spec.mel_bins * _BYTES
    new = lengths[~kept.present].sum()
    return CacheSize(round(lengths.sum() * second), round(new * second))


def _length_s(item: Item, ratio: float) -> float:
    """By its bounds, or by its size."""
    size = _size(item)
    end_s = size * ratio if item.end_s is None else item.end_s
    return max(end_s - item.begin_s, 0.0) if size else 0.0


def _seconds_per_byte(items: Sequence[Item]) -> float:
    step = max(len(items) // _SAMPLE, 1)
    seconds, size = 0.0, 0
    for item in items[::step][:_SAMPLE]:
        seconds, size = seconds + _decoded_s(item), size + _size(item)
        if seconds > _ENOUGH_S:
            break
    return seconds / max(size, 1)


def _decoded_s(item: Item) -> float:
    """Length of a recording, as far as it can be read."""
    read_s = 0.0
    with suppress(AudioError):
        for block in read_blocks(item.path, span=item.span):
            read_s += block.length_s
    return read_s


def _size(item: Item) -> int:
    """Bytes of the whole recording; 0 if its file is not there."""
    if not item.path.is_file():
        return 0
    return item.span[1] - item.span[0] if item.span else item.path.stat().st_size
