"""Counts of bits that are set, by numpy's own function where it has one (2.0)."""

import numpy as np
import numpy.typing as npt

from edge.contract.arrays import Floats

_TABLE = np.unpackbits(np.arange(256, dtype=np.uint8)[:, None], axis=1).sum(axis=1, dtype=np.uint8)
_WORD = 8
"""Bytes that are counted at a time."""
Bytes = npt.NDArray[np.uint8]
Words = npt.NDArray[np.uint64]


def ones(packed: Bytes) -> npt.NDArray[np.uint16]:
    """Bits set in each row, uint8[n, bytes] -> uint16[n]; the bytes are a multiple of 8."""
    counts = _counts(np.ascontiguousarray(packed).view(np.uint64))
    found: npt.NDArray[np.uint16] = counts.sum(axis=1, dtype=np.uint16)
    return found


def signs(rows: Floats) -> Words:
    """The signs of rows, [n, dim] -> uint64[n, words]; what is left of a word is 0."""
    packed = np.packbits(rows > 0, axis=1)
    padded = np.pad(packed, ((0, 0), (0, -packed.shape[1] % _WORD)))
    return padded.view(np.uint64)


def distances(columns: Words, query: Words) -> npt.NDArray[np.uint16]:
    """Bits in which rows differ from one, uint64[words, n] and uint64[words] -> uint16[n]."""
    found, differing = np.zeros(columns.shape[1], np.uint16), np.empty(columns.shape[1], np.uint64)
    for column, word in zip(columns, query, strict=True):
        found += _counts(np.bitwise_xor(column, word, out=differing))
    return found


def _counts(words: Words) -> Bytes:
    """Bits set in each word."""
    count = getattr(np, "bitwise_count", None)
    if count is not None:
        counted: Bytes = count(words)
        return counted
    parts = _TABLE[words.view(np.uint8)].reshape(*words.shape, _WORD)
    summed: Bytes = parts.sum(axis=-1, dtype=np.uint8)
    return summed
