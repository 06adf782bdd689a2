"""Raw PCM off a pipe: 16 bit, little-endian, mono; from arecord, ffmpeg or stdin."""

import os
import select
import time
from collections.abc import Iterator

import numpy as np

from edge.source.block import Block
from edge.source.fault import SourceFault

_BLOCK_S = 0.25
FULL_SCALE = 32768


def pcm_blocks(
    pipe: int, rate_hz: int, first_s: float | None = None, silence_s: float | None = None
) -> Iterator[Block]:
    """Read until the pipe closes; an odd last byte is dropped.

    Args:
        pipe: file descriptor of the read end.
        rate_hz: of the samples.
        first_s: how long the first bytes may take; None waits for ever.
        silence_s: how long any later ones may.

    Raises:
        SourceFault: nothing came in time.
    """
    position, odd, patience_s = 0, b"", first_s
    size = 2 * max(int(rate_hz * _BLOCK_S), 1)
    while data := _read(pipe, size, patience_s):
        data, patience_s = odd + data, silence_s
        odd = data[len(data) & ~1 :]
        block = Block(_samples(data), rate_hz, position, time.monotonic_ns())
        if len(block.samples):
            yield block
        position = block.end_sample


def _samples(data: bytes) -> np.ndarray:
    whole = np.frombuffer(data, "<i2", len(data) // 2)
    return whole.astype(np.float32) / np.float32(FULL_SCALE)


def _read(pipe: int, size: int, patience_s: float | None) -> bytes:
    if patience_s is not None and not select.select([pipe], [], [], patience_s)[0]:
        raise SourceFault(f"no audio for {patience_s:g} s")
    return os.read(pipe, size)
