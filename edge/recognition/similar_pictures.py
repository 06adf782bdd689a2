"""Nearest pictures of a query: of a bundle's gallery, or of a table beyond it.

A query is some rows of the bundle's space, whatever they were made of: a picture, a name, a sound.
A picture is as similar as to the nearest of them (cosine).
"""

from dataclasses import dataclass
from typing import Protocol

import numpy as np

from edge.contract.arrays import Float32s
from edge.contract.bundle import Bundle
from edge.contract.gallery import GalleryRow

_PART = 4096
"""Rows that are widened at a time."""


@dataclass(frozen=True, kw_only=True)
class SimilarPicture:
    """A picture, and how similar it is to the query."""

    similarity: float
    """Cosine."""
    scientific_name: str
    bundle: str
    """Name of the bundle that has it."""
    row: GalleryRow


class PictureIndex(Protocol):
    """Pictures that can be looked for."""

    def nearest(self, rows: Float32s, top: int) -> list[SimilarPicture]:
        """The most similar, best first.

        Args:
            rows: float32[n, dim] of the query, unit length.
            top: how many at most.
        """
        ...


class GalleryPictures:
    """The pictures of a bundle, each compared.

    Args:
        bundle: of the query's space.
    """

    def __init__(self, bundle: Bundle) -> None:
        self._gallery, self._species = bundle.gallery, bundle.taxonomy.by_id()
        self._name = bundle.manifest.name

    def nearest(self, rows: Float32s, top: int) -> list[SimilarPicture]:
        """The most similar, best first; see `PictureIndex`."""
        pictures = self._gallery.rows
        parts = (pictures[n : n + _PART] for n in range(0, len(pictures) or 1, _PART))
        similarity = np.concatenate([similarities(part.astype(np.float32), rows) for part in parts])
        best = np.argsort(-similarity, kind="stable")[:top]
        return [self._found(int(place), float(similarity[place])) for place in best]

    def _found(self, place: int, similarity: float) -> SimilarPicture:
        row = self._gallery.table[place]
        return SimilarPicture(
            similarity=similarity,
            scientific_name=self._species[row.species_id].scientific_name,
            bundle=self._name,
            row=row,
        )


def similarities(found: Float32s, rows: Float32s) -> Float32s:
    """Cosine of each picture, or window of sound, to the nearest row of a query.

    Args:
        found: float32[m, dim], unit length.
        rows: float32[n, dim], unit length, n > 0.

    Returns:
        float32[m].
    """
    nearest: Float32s = (found @ rows.T).max(axis=1)
    return nearest
