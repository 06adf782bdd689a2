"""From an embedding to a score for every species: cosine, hubness correction, best pictures."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from edge.contract.errors import BundleError
from edge.contract.gallery import Gallery

Floats = npt.NDArray[np.float32]


_LEAST_DEVIATION = 0.05
"""A bank of some clips can't tell a smaller spread, and would blow up its noise."""


@dataclass(frozen=True)
class Scores:
    """What a batch of windows is like."""

    score: Floats
    """float32[batch, species], standardised over the background where the bundle ships one."""
    similarity: Floats
    """float32[batch, species], cosine: mean of the best rows."""
    rows: Floats
    """float32[batch, rows], cosine with every row."""


class Search:
    """Brute-force search of a gallery, kept in float32.

    Args:
        gallery: float16[rows, dim].
        species_ids: the species to choose from, in the order of the scores.
        top_pictures: k; a species scores the mean of its best min(k, rows) rows.
        background: float16[m, dim] embeddings of windows without a bird, or None.

    Raises:
        BundleError: none of the species has a picture.
    """

    def __init__(
        self,
        gallery: Gallery,
        species_ids: Sequence[str],
        top_pictures: int,
        background: npt.NDArray[np.float16] | None = None,
    ) -> None:
        self._rows = np.ascontiguousarray(gallery.rows, dtype=np.float32)
        held = _members(gallery)
        self.species_ids = [one for one in species_ids if one in held]
        if not self.species_ids:
            raise BundleError("none of the chosen species has a picture in this gallery")
        self._members = [held[one] for one in self.species_ids]
        self._index = _pad(self._members)
        self._top = top_pictures
        self._mean, self._deviation = _background_statistics(self._rows, background)

    def scores(self, embeddings: Floats) -> Scores:
        """Score float32[batch, dim] unit embeddings."""
        rows = embeddings @ self._rows.T
        corrected = (rows - self._mean) / self._deviation
        return Scores(self._by_species(corrected), self._by_species(rows), rows)

    def best_rows(self, rows: Floats, species: int, count: int) -> list[tuple[int, float]]:
        """The rows of a species nearest to one window, with their cosine, best first.

        Args:
            rows: float32[rows] of one window.
            species: index into `species_ids`.
            count: how many at most.
        """
        members = self._members[species]
        order = members[np.argsort(-rows[members], kind="stable")][:count]
        return [(int(row), float(rows[row])) for row in order]

    def _by_species(self, rows: Floats) -> Floats:
        # [batch, species, widest]; the padding column is -inf and never among the best.
        padded = np.pad(rows, ((0, 0), (0, 1)), constant_values=-np.inf)[:, self._index]
        best = -np.partition(-padded, min(self._top, padded.shape[2]) - 1, axis=2)[..., : self._top]
        held = np.isfinite(best)
        total: Floats = np.where(held, best, 0).sum(axis=2) / held.sum(axis=2)
        return total


def _members(gallery: Gallery) -> dict[str, npt.NDArray[np.intp]]:
    """Row numbers of every species that has a picture."""
    rows: dict[str, list[int]] = {}
    for number, row in enumerate(gallery.table):
        rows.setdefault(row.species_id, []).append(number)
    return {species: np.array(numbers) for species, numbers in rows.items()}


def _pad(members: list[npt.NDArray[np.intp]]) -> npt.NDArray[np.intp]:
    widest = max(map(len, members))
    return np.stack([np.pad(one, (0, widest - len(one)), constant_values=-1) for one in members])


def _background_statistics(
    rows: Floats, background: npt.NDArray[np.float16] | None
) -> tuple[Floats, Floats]:
    if background is None or len(background) < 2:
        return np.zeros(len(rows), np.float32), np.ones(len(rows), np.float32)
    similarity = background.astype(np.float32) @ rows.T
    return similarity.mean(axis=0), np.maximum(similarity.std(axis=0), _LEAST_DEVIATION)
