"""Background bank: windows without a bird, over which similarities are standardised."""

from typing import TypeVar

import numpy as np
import numpy.typing as npt

from edge.contract.arrays import Float16s, Float32s

_LEAST_DEVIATION = 0.05
"""A bank of some clips can't tell a smaller spread, and would blow up its noise."""
BANK_ROWS = 1024
"""Most windows of background that scores are standardised over."""
R = TypeVar("R", bound="np.generic")


class BackgroundBank:
    """Mean and deviation of any row's similarity over windows without a bird.

    Args:
        bank: float16[m, dim] embeddings of such windows. None, or fewer than two, correct nothing.
    """

    def __init__(self, bank: Float16s | None) -> None:
        self._centre: Float32s | None = None
        if bank is not None and len(bank) > 1:
            wide = bank.astype(np.float32)
            self._centre = wide.mean(axis=0)
            # The deviation of a row's similarities is its length in these coordinates.
            self._spread = (wide - self._centre) / np.float32(np.sqrt(len(bank)))

    def statistics(self, rows: Float32s) -> tuple[Float32s, Float32s]:
        """Mean and deviation of rows, float32[n, dim] -> float32[n] each."""
        if self._centre is None:
            return np.zeros(len(rows), np.float32), np.ones(len(rows), np.float32)
        deviation = np.linalg.norm(rows @ self._spread.T, axis=1)
        return rows @ self._centre, np.maximum(deviation, np.float32(_LEAST_DEVIATION))


def thinned(rows: npt.NDArray[R], most: int = BANK_ROWS) -> npt.NDArray[R]:
    """Every n-th of many rows, such as windows of background, at most so many."""
    return rows[:: max(1, -(-len(rows) // most))]
