"""Background bank: windows without a bird, over which similarities are standardised."""

from dataclasses import dataclass
from typing import TypeVar

import numpy as np
import numpy.typing as npt

from edge.contract.arrays import Float16s, Float32s

_LEAST_DEVIATION = 0.05
"""A bank of some clips can't tell a smaller spread, and would blow up its noise."""
_TELLING = 64
"""Windows that a bundle's bank has at least, to be believed more than the station's."""
OWN_SHARE = 0.25
"""Most weight of a station's windows beside the bundle's: minutes of one site, which may hold a
bird that nobody noticed, don't outweigh what the calibration was fitted to."""
BANK_ROWS = 1024
"""Most windows of background that scores are standardised over."""
R = TypeVar("R", bound="np.generic")


@dataclass(frozen=True)
class Moments:
    """Mean and variance of rows' similarities over so many windows."""

    windows: int
    mean: Float32s
    """float32[rows]."""
    variance: Float32s
    """float32[rows]."""

    def joined(self, other: "Moments", most: float = 1.0) -> "Moments":
        """Those over the windows of both (Chan et al. 1983).

        Args:
            other: of further windows.
            most: share that these have at most beside enough of the first kind.
        """
        windows = self.windows + other.windows
        part = other.windows / max(windows, 1)
        share = np.float32(min(part, most) if self.windows >= _TELLING else part)
        apart = other.mean - self.mean
        within = (1 - share) * self.variance + share * other.variance
        mean = self.mean + share * apart
        return Moments(windows, mean, within + share * (1 - share) * apart**2)

    def standard(self) -> tuple[Float32s, Float32s]:
        """Mean and deviation to standardise with; a single window tells neither."""
        if self.windows < 2:
            return np.zeros_like(self.mean), np.ones_like(self.mean)
        return self.mean, np.maximum(np.sqrt(self.variance), np.float32(_LEAST_DEVIATION))


class BackgroundBank:
    """Windows without a bird: those of the bundle, or those of a station beside them.

    Args:
        bank: float16[m, dim] embeddings of such windows, or None.
        beside: those that count as well.
        gently: many times slower, but without the linear algebra's threads, which serve one
            at a time and let inference wait.
    """

    def __init__(
        self,
        bank: Float16s | None,
        beside: "BackgroundBank | None" = None,
        gently: bool = False,
    ) -> None:
        self._beside, self._gently = beside, gently
        self._bank = None if bank is None or not len(bank) else bank.astype(np.float32)

    def moments(self, rows: Float32s) -> Moments:
        """Of rows, float32[n, dim], over all windows."""
        own = self.own_moments(rows)
        return own if self._beside is None else self._beside.moments(rows).joined(own, OWN_SHARE)

    def own_moments(self, rows: Float32s) -> Moments:
        """Of rows, float32[n, dim], without the windows beside."""
        if self._bank is None:
            none = np.zeros(len(rows), np.float32)
            return Moments(0, none, none)
        pair = (rows, self._bank)
        similarity = np.einsum("nd,md->nm", *pair) if self._gently else rows @ self._bank.T
        mean = similarity.mean(axis=1)
        similarity -= mean[:, None]
        variance = np.einsum("nm,nm->n", similarity, similarity) / np.float32(len(self._bank))
        return Moments(len(self._bank), mean, variance)


def thinned(rows: npt.NDArray[R], most: int = BANK_ROWS) -> npt.NDArray[R]:
    """Every n-th of many rows, such as windows of background, at most so many."""
    return rows[:: max(1, -(-len(rows) // most))]


def newer(rows: npt.NDArray[R], most: int) -> npt.NDArray[R]:
    """Of many rows, the oldest first, at most so many: the newest half, and every n-th before."""
    half = most // 2
    if len(rows) <= most:
        return rows
    newest = rows[half - most :]
    return np.concatenate([thinned(rows[: half - most], half), newest]) if half else newest
