"""Index of a large gallery: a bit a dimension and row, from which the nearest rows are guessed.

The share of dimensions in which two unit rows differ in sign tells the angle between them
(Charikar 2002). It takes 32 bytes a row of 256 dimensions, a sixteenth of float16, and finds what a
prototype of a whole species misses: one whose pictures look in two ways, as cock and hen do.
"""

import numpy as np

from edge.contract.arrays import Float32s, Places
from edge.recognition.bits import distances, signs
from edge.recognition.rows import Rows

_LEAST, _SHARE = 200, 1000
"""Rows whose cosine is computed: one in so many, and so many at least. In galleries drawn like the
starter's pictures they hold 99 % of the ten nearest, of 100,000 rows and of a million
(scripts/bench/nearest_rows.py)."""
_PART = 1 << 15
"""Rows that are compared at a time: what is computed of them stays in the processor's cache."""


class SignIndex:
    """Signs of all rows.

    Args:
        rows: of all species.
    """

    def __init__(self, rows: Rows) -> None:
        self._rows = rows
        parts = np.concatenate([signs(wide) for _, wide in rows.parts()])
        self._columns = np.ascontiguousarray(parts.T)
        """uint64[words, rows]: a scan reads them one after the other."""
        self._cosine = np.cos(np.pi * np.arange(rows.dim + 1) / rows.dim).astype(np.float32)
        """Expected cosine by the number of signs that differ."""

    def nearest(
        self, embedding: Float32s, mean: Float32s, deviation: Float32s
    ) -> tuple[Places, Float32s]:
        """Rows nearest to a window by their standardised cosine, best first, and that.

        Args:
            embedding: float32[dim] of the window.
            mean: float32[rows] of their similarity over the background.
            deviation: float32[rows].
        """
        query, guessed = signs(embedding[None])[0], np.empty(len(mean), np.float32)
        for begin in range(0, len(guessed), _PART):
            part = slice(begin, begin + _PART)
            differing = distances(self._columns[:, part], query)
            # Clipping checks no place, and none is beyond: a third of the time.
            cosine = np.take(self._cosine, differing, mode="clip", out=guessed[part])
            cosine -= mean[part]
            cosine /= deviation[part]
        others = len(guessed) - min(max(_LEAST, len(guessed) // _SHARE), len(guessed))
        places = np.argpartition(guessed, max(others - 1, 0))[others:]
        cosine = self._rows.wide(places) @ embedding
        score = (cosine - mean[places]) / deviation[places]
        order = np.argsort(-score, kind="stable")
        return places[order], score[order]
