"""How far a score stands out of background, whatever species it is of."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float32]
_FROM = 0.95
"""Quantile from which on scores of background are its tail."""
_LEAST_EXCESS = 0.3
"""A bank of some clips can't tell a smaller one."""


@dataclass(frozen=True)
class Tail:
    """The upper tails of species' scores over background, taken for exponential.

    Peaks over a threshold (Pickands 1975, doi 10.1214/aos/1176343003), as OpenMax has it for open
    sets (Bendale and Boult 2016, arXiv 1511.06233): a score beyond the quantile exceeds it by
    `excess` in the mean. In units of that, equal scores of two species are equally unlikely for
    background: one that takes every cricket for its song has to show more.
    """

    quantile: Floats
    """float32[species]."""
    excess: Floats
    """float32[species]."""

    @classmethod
    def of(cls, scores: Floats) -> "Tail":
        """Estimate it from the scores of windows without a bird, float32[windows, species]."""
        quantile = np.quantile(scores, _FROM, axis=0)
        beyond = scores > quantile
        total = np.where(beyond, scores - quantile, 0).sum(axis=0)
        excess = total / np.maximum(beyond.sum(axis=0), 1)
        return cls(
            quantile.astype(np.float32), np.maximum(excess, _LEAST_EXCESS).astype(np.float32)
        )

    def standardised(self, scores: Floats) -> Floats:
        """Scores in units of the tail; float32[..., species]."""
        found: Floats = (scores - self.quantile) / self.excess
        return found
