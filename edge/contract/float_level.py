"""Level of a floating point recording: its sound may go beyond full scale, and hold no numbers.

Recorders that write floats leave the level to be set afterwards, and some programs write integers
as floats without scaling them: both are turned down as a whole. The level is what all but a few
samples keep to, so that a damaged one does not silence the others; it becomes silence itself.
"""

import math
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from edge.contract.arrays import Floats

_FEW = 1e-4
"""Share of samples that may lie above the level: clicks, not songs."""
_FULL_SCALE = 1
"""Level of sound that is clipped at 1.0, as a power of two; it is left as it is."""
_PEAK = 4
"""Powers of two by which sound may lie above the level; beyond that it is damage."""
_HIGHEST = 32
"""Power of two that no recorder reaches: not even 32 bit integers written as they are."""


@dataclass(frozen=True)
class FloatLevel:
    """Level of a recording."""

    exponent: int = 0
    """It is turned down by this power of two."""
    damaged: int = 0
    """Samples that are NaN, infinite or out of all proportion."""

    @property
    def gain_db(self) -> float:
        """Change of level, in dB; 0 or less."""
        return -20 * math.log10(2) * self.exponent

    def apply(self, samples: Floats) -> Floats:
        """The samples, turned down, same shape; damaged ones are silence."""
        sound = np.abs(samples) < 2.0 ** (self.exponent + _PEAK)
        quieter: Floats = np.ldexp(np.where(sound, samples, 0), -self.exponent)
        return quieter.astype(samples.dtype)


def float_level(blocks: Iterable[Floats]) -> FloatLevel:
    """Measure a recording, given as blocks of any shape."""
    counts, lost = np.zeros(_HIGHEST + 2, np.int64), 0
    for block in blocks:
        numbers = block[np.isfinite(block)]
        lost += block.size - numbers.size
        # An exponent of n stands for magnitudes from 2 ** (n - 1) to below 2 ** n.
        exponents = np.clip(np.frexp(numbers)[1], 0, len(counts) - 1)
        counts += np.bincount(exponents, minlength=len(counts))
    exponent = _level(counts[:-1])
    return FloatLevel(exponent, lost + int(counts[exponent + _PEAK + 1 :].sum()))


def _level(counts: np.ndarray) -> int:
    """The least exponent that all but few samples keep to; 0 if that is full scale.

    Args:
        counts: int64[exponents], samples by exponent.
    """
    within = np.cumsum(counts) >= (1 - _FEW) * counts.sum()
    level = int(within.argmax())
    return level if level > _FULL_SCALE else 0
