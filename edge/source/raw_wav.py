"""Decoding of a WAV whose header tells a wrong length: every sample that the file holds."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

import numpy as np

from edge.contract.arrays import Float32s
from edge.source.decoding import Decoding, part_samples
from edge.source.riff import WavLayout

_FLOATS = {32: "<f4", 64: "<f8"}
_INTEGERS = {16: "<i2", 32: "<i4"}


@contextmanager
def decode(path: Path, layout: WavLayout) -> Iterator[Decoding]:
    """Open a WAV by a layout that is true."""
    with path.open("rb") as file:
        yield Decoding(
            rate_hz=layout.rate_hz,
            channels=layout.channels,
            parts=_parts(file, layout),
            promised=layout.promised // layout.frame_bytes,
            is_float=layout.is_float,
        )


def _parts(file: BinaryIO, layout: WavLayout) -> Iterator[Float32s]:
    file.seek(layout.start)
    left, most = layout.size, part_samples(layout.rate_hz) * layout.frame_bytes
    while content := file.read(min(most, left)):
        left -= len(content)
        whole = len(content) - len(content) % layout.frame_bytes
        yield _samples(content[:whole], layout).reshape(-1, layout.channels)


def _samples(content: bytes, layout: WavLayout) -> Float32s:
    """float32[values], full scale is 1."""
    bits = layout.bits
    if layout.is_float:
        return np.frombuffer(content, _FLOATS[bits]).astype(np.float32)
    if bits == 8:
        return (np.frombuffer(content, np.uint8).astype(np.float32) - 128) / np.float32(128)
    if bits == 24:
        return _of_three_bytes(content)
    values = np.frombuffer(content, _INTEGERS[bits])
    return values.astype(np.float32) / np.float32(1 << (bits - 1))


def _of_three_bytes(content: bytes) -> Float32s:
    """The upper three of four bytes, which leaves the sign where it belongs."""
    wide = np.zeros((len(content) // 3, 4), np.uint8)
    wide[:, 1:] = np.frombuffer(content, np.uint8).reshape(-1, 3)
    return wide.view("<i4")[:, 0].astype(np.float32) / np.float32(1 << 31)
