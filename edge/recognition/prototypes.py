"""Prototypes: one row that stands for a species, standardised over the background."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from edge.contract.arrays import Flags, Float16s, Float32s, Floats
from edge.recognition.background import BackgroundBank

ALIKE = 0.8
"""Cosine from which an exemplar counts where the bundle ships no map of its likeness (measured with
25 exemplars on other recordists: 150 windows right and 7 wrong, 176 and 71 without it)."""
ScoreOfLikeness = Callable[[Float32s], Floats]
"""Score that a cosine with an exemplar is worth."""
_SHORTEST = 1e-6
"""Sounds that cancel each other out have no direction."""


@dataclass(frozen=True)
class Scores:
    """Scores of a batch of windows."""

    score: Float32s
    """float32[batch, species], standardised over the background where the bundle ships one."""
    similarity: Float32s
    """float32[batch, species], cosine: mean of the best rows; -1 off a shortlist."""


class Prototypes:
    """One row a species, standardised over the background.

    Args:
        rows: float16[dim] or float32[dim] a species, of any length.
        background: windows without a bird.
    """

    def __init__(self, rows: Sequence[Floats] | Float32s, background: BackgroundBank) -> None:
        self._rows = np.array(rows, np.float32)
        length = np.linalg.norm(self._rows, axis=1, keepdims=True)
        self._rows /= np.maximum(length, np.float32(_SHORTEST))
        self._mean, self._deviation = background.moments(self._rows).standard()

    def over(self, background: BackgroundBank) -> "Prototypes":
        """The same, standardised over other windows."""
        return Prototypes(self._rows, background)

    def scores(self, embeddings: Float32s) -> tuple[Float32s, Float32s]:
        """Cosine and standardised cosine, float32[batch, species] each."""
        cosine = embeddings @ self._rows.T
        return cosine, (cosine - self._mean) / self._deviation


class Exemplars:
    """One prototype of each species that was confirmed by ear (Snell et al. 2017).

    Args:
        species_ids: the species that are scored, in order.
        exemplars: float16[n, dim] confirmed sounds, by species id.
        background: windows without a bird.
        scale: score of a likeness; None standardises it over the background, from a cosine of 0.8.
    """

    def __init__(
        self,
        species_ids: Sequence[str],
        exemplars: Mapping[str, Float16s],
        background: BackgroundBank,
        scale: ScoreOfLikeness | None = None,
    ) -> None:
        columns = [n for n, species in enumerate(species_ids) if species in exemplars]
        sounds = [exemplars[species_ids[n]].astype(np.float32) for n in columns]
        self._columns = np.array(columns, np.intp)
        means = [rows.mean(axis=0) for rows in sounds]
        over = background if scale is None else BackgroundBank(None)
        self._prototypes, self._scale = Prototypes(means, over) if means else None, scale

    def best(self, sounds: Float32s | None, shown: Scores) -> Scores:
        """The better of what was seen and what was heard of a species before."""
        if self._prototypes is None or sounds is None:
            return shown
        cosine, sounded = self._prototypes.scores(sounds)
        if self._scale is not None:
            sounded = np.asarray(self._scale(cosine), np.float32)
        better = sounded > shown.score[:, self._columns]
        if self._scale is None:
            better &= cosine >= ALIKE
        return Scores(
            self._put(shown.score, sounded, better),
            self._put(shown.similarity, cosine, better),
        )

    def _put(self, shown: Float32s, sounded: Float32s, better: Flags) -> Float32s:
        found = shown.copy()
        found[:, self._columns] = np.where(better, sounded, shown[:, self._columns])
        return found
