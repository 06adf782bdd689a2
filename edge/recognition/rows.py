"""Rows of the species to choose from: their pictures, else their name, else nothing.

They stay where the gallery has them, in float16, and are widened when they are looked at; those of
a small gallery once for all.
"""

from collections.abc import Iterator, Mapping, Sequence

import numpy as np

from edge.contract.arrays import Float16s, Float32s, Places
from edge.contract.gallery import Gallery
from edge.recognition.background import thinned
from edge.recognition.groups import Groups

_PART = 512
"""Rows that are widened at a time: a product with them takes a thread some milliseconds."""


class Rows:
    """Rows that lie species after species.

    Args:
        gallery: of all.
        species_ids: the species, in order.
        anchors: float16[dim] by species id; stands for a species without a picture.
    """

    def __init__(
        self, gallery: Gallery, species_ids: Sequence[str], anchors: Mapping[str, Float16s]
    ) -> None:
        held, self._pictures = gallery.members, gallery.rows
        absent = [species for species in species_ids if species not in held]
        # A species that is only heard so far has a row that nothing is near to.
        self.dim = gallery.rows.shape[1]
        empty = np.zeros(self.dim, np.float16)
        self._wide: Float32s | None = None
        self._others = np.array([anchors.get(species, empty) for species in absent])
        other = {species: np.array([-1 - n]) for n, species in enumerate(absent)}
        numbers = [held[species] if species in held else other[species] for species in species_ids]
        self.groups = Groups(np.array([len(part) for part in numbers]))
        self.numbers: Places = np.concatenate(numbers)
        """Row in the gallery; negative if the species has no picture."""

    def __len__(self) -> int:
        return len(self.numbers)

    def thin(self, most: int) -> None:
        """Leave a species at most so many of its pictures, evenly spread over all."""
        if self.groups.counts.max() <= most:
            return
        species = range(len(self.groups.counts))
        numbers = [thinned(self.numbers[self.groups.places(n)], most) for n in species]
        self.groups = Groups(np.array([len(part) for part in numbers]))
        self.numbers = np.concatenate(numbers)

    def keep_wide(self) -> None:
        """Hold all of them in float32 from now on."""
        self._wide = self.wide()

    def wide(self, places: Places | slice = slice(None)) -> Float32s:
        """Some of the rows, or all, as float32[n, dim]."""
        if self._wide is not None:
            return self._wide[places]
        numbers = self.numbers[places]
        rows = self._pictures[np.maximum(numbers, 0)].astype(np.float32)
        other = np.flatnonzero(numbers < 0)
        if len(other):
            rows[other] = self._others[-1 - numbers[other]]
        return rows

    def parts(self) -> Iterator[tuple[slice, Float32s]]:
        """All rows part by part, float32[n, dim] each, with their places."""
        for begin in range(0, len(self), _PART):
            part = slice(begin, min(begin + _PART, len(self)))
            yield part, self.wide(part)
