"""Counts of bits that are set, by numpy's own function where it has one (2.0)."""

import numpy as np
import numpy.typing as npt

_TABLE = np.unpackbits(np.arange(256, dtype=np.uint8)[:, None], axis=1).sum(axis=1, dtype=np.uint8)


def ones(packed: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint16]:
    """Bits set in each row, uint8[n, bytes] -> uint16[n]; the bytes are a multiple of 8."""
    count = getattr(np, "bitwise_count", None)
    counts = _TABLE[packed] if count is None else count(packed.view(np.uint64))
    found: npt.NDArray[np.uint16] = counts.sum(axis=1, dtype=np.uint16)
    return found
