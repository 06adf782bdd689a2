"""Groups of rows that lie species after species, of any sizes, without padding."""

import numpy as np

from edge.contract.arrays import Float32s, Places


class Groups:
    """Species and the rows that each has.

    Args:
        counts: rows of each species, one at least.
    """

    def __init__(self, counts: Places) -> None:
        self.counts, self._ends = counts, np.cumsum(counts)
        self.starts: Places = self._ends - counts
        """First row of each species."""
        self._alike = [self._of_size(size) for size in np.unique(counts)]

    def places(self, species: int) -> Places:
        """Rows of a species."""
        return np.arange(self.starts[species], self._ends[species])

    def owner(self, rows: Places) -> Places:
        """The species of each row."""
        return np.searchsorted(self._ends, rows, side="right")

    def owners(self, begin: int, end: int) -> tuple[Places, Places]:
        """The species of some rows, and where the rows of each begin among them."""
        first, last = np.searchsorted(self._ends, [begin, end - 1], side="right")
        species = np.arange(first, last + 1)
        return species, np.maximum(self.starts[species] - begin, 0)

    def best_means(self, values: Float32s, top: int) -> Float32s:
        """Mean of the best min(top, rows) values of each species.

        Args:
            values: float32[batch, rows].
            top: how many count.

        Returns:
            float32[batch, species].
        """
        means = np.empty((len(values), len(self.counts)), np.float32)
        for species, places in self._alike:
            means[:, species] = _best(values[:, places], top).mean(axis=2)
        return means

    def _of_size(self, size: int) -> tuple[Places, Places]:
        """Species that have so many rows, and places[species, size] of these."""
        species = np.flatnonzero(self.counts == size)
        return species, self.starts[species][:, None] + np.arange(size)


def _best(values: Float32s, top: int) -> Float32s:
    """The greatest of float32[batch, species, rows] along its last axis, in any order."""
    first = values.shape[2] - top
    return values if first <= 0 else np.partition(values, first, axis=2)[..., first:]
