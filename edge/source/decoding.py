"""A recording that is being decoded, whoever decodes it; and samples as they are stored."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from edge.contract.arrays import Float32s

PART_S = 1.0
PART_MOST = 1 << 20
"""Length of a part; and samples of a channel at most, whatever rate a header claims."""
_FLOATS = {32: "<f4", 64: "<f8"}
_INTEGERS = {16: "<i2", 32: "<i4"}


@dataclass(frozen=True, kw_only=True)
class Decoding:
    """An open recording; a file that others were appended to is several."""

    rate_hz: int
    channels: int
    parts: Iterator[Float32s]
    """float32[samples, channels], a second at a time or less."""
    promised: int | None = None
    """Samples of a channel by the header; None of a form whose headers are not to be relied on."""
    is_float: bool = False
    """Samples may go beyond full scale, and be no numbers."""


@dataclass(frozen=True, kw_only=True)
class SampleForm:
    """Form of samples that follow each other as they are, little-endian."""

    channels: int = 1
    bits: int = 16
    """Of a sample, as it is stored: 8, 16, 24, 32 or 64."""
    is_float: bool = False

    @property
    def frame_bytes(self) -> int:
        """Bytes of a sample of every channel."""
        return self.channels * self.bits // 8

    def decode(self, content: bytes) -> Float32s:
        """float32[samples, channels] of whole frames, full scale is 1."""
        return self._values(content).reshape(-1, self.channels)

    def _values(self, content: bytes) -> Float32s:
        if self.is_float:
            return np.frombuffer(content, _FLOATS[self.bits]).astype(np.float32)
        if self.bits == 8:
            return (np.frombuffer(content, np.uint8).astype(np.float32) - 128) / np.float32(128)
        if self.bits == 24:
            return _of_three_bytes(content)
        values = np.frombuffer(content, _INTEGERS[self.bits])
        return values.astype(np.float32) / np.float32(1 << (self.bits - 1))


def _of_three_bytes(content: bytes) -> Float32s:
    """The upper three of four bytes, which leaves the sign where it belongs."""
    wide = np.zeros((len(content) // 3, 4), np.uint8)
    wide[:, 1:] = np.frombuffer(content, np.uint8).reshape(-1, 3)
    return wide.view("<i4")[:, 0].astype(np.float32) / np.float32(1 << 31)


def part_samples(rate_hz: int) -> int:
    """Samples of a channel in a part."""
    return max(min(int(rate_hz * PART_S), PART_MOST), 1)
