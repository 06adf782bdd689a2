"""Raw PCM off a pipe: 16 bit, little-endian, mono; from arecord, ffmpeg or stdin."""

import time
from collections.abc import Iterator

import numpy as np

from edge.contract.audio import to_mono_float32
from edge.source.block import Block
from edge.source.pcm import read_part

_BLOCK_S = 0.25


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
    while data := read_part(pipe, size, patience_s):
        data, patience_s = odd + data, silence_s
        odd = data[len(data) & ~1 :]
        samples = to_mono_float32(np.frombuffer(data, "<i2", len(data) // 2))
        block = Block(samples, rate_hz, position, time.monotonic_ns())
        if len(block.samples):
            yield block
        position = block.end_sample
