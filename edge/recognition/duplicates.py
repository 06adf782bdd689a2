"""Near duplicates of pictures, by their difference hashes."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from edge.contract.arrays import Flags
from edge.recognition.bits import ones

LOOK_BYTES = 16
NEAR_BITS = 16
"""Bits of 128 in which two forms of one photograph differ at most: of 751 photographs saved anew,
made smaller, brightened or cut by 2 % at each side 99 % are found so, and of the 281,625 pairs of
different ones none: the nearest, of one series, differ in 24 (scripts/bench/near_duplicates.py)."""
_LEAST_BITS = 8
"""A picture with fewer is of one colour, or black: nothing to tell it by."""
Looks = npt.NDArray[np.uint8]


def looks_of(looks: Sequence[bytes]) -> Looks:
    """Hashes as uint8[n, 16]."""
    return np.frombuffer(b"".join(looks), np.uint8).reshape(len(looks), LOOK_BYTES)


def near(looks: Looks, look: bytes) -> Flags:
    """True for those of uint8[n, 16] hashes that are of the same photograph as another one."""
    mine = np.frombuffer(look, np.uint8)
    if ones(mine[None])[0] < _LEAST_BITS:
        return np.zeros(len(looks), bool)
    return ones(looks ^ mine) <= NEAR_BITS
