"""Shortlist of a large gallery: the species whose mean row is nearest to a window."""

import numpy as np

from edge.contract.arrays import Float32s, Places
from edge.recognition.rows import Rows

SHORTLIST = 20
"""Species whose pictures are looked at."""


class Shortlist:
    """A prototype a species: the mean of its standardised rows, which is linear in an embedding.

    Args:
        rows: of all species.
        mean: float32[rows] of their similarity over the background.
        deviation: float32[rows].
    """

    def __init__(self, rows: Rows, mean: Float32s, deviation: Float32s) -> None:
        groups = rows.groups
        counts = groups.counts.astype(np.float32)
        self._prototypes = np.zeros((len(counts), rows.dim), np.float32)
        for part, wide in rows.parts():
            species, starts = groups.owners(part.start, part.stop)
            self._prototypes[species] += np.add.reduceat(wide / deviation[part, None], starts)
        self._prototypes /= counts[:, None]
        offset: Float32s = np.add.reduceat(mean / deviation, groups.starts)
        self._offset = offset / counts

    def scores(self, embeddings: Float32s) -> Float32s:
        """Mean over all rows of each species, float32[batch, dim] -> float32[batch, species]."""
        return embeddings @ self._prototypes.T - self._offset

    def best(self, score: Float32s) -> Places:
        """The species to look at, by float32[species]."""
        return np.argpartition(-score, SHORTLIST - 1)[:SHORTLIST]
