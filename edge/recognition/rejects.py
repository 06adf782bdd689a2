"""Rejects: sounds of which a person has said that they are no bird, or not that one.

A window that sounds like one is doubted, unless it sounds more like what was confirmed.
"""

from collections.abc import Mapping, Sequence

import numpy as np

from edge.contract.arrays import Float16s, Float32s, Float64s
from edge.contract.calibration import LikenessMap
from edge.recognition.background import newer

_SAME = LikenessMap((0.9985, 0.9995), (0.0, 1.0))
"""Where the bundle ships no map: only what is all but the same window."""
_MOST, _MOST_IN_ALL, _MOST_OF_SPECIES = 512, 2048, 64
"""Rows that are compared with: rejected ones, those of all species, of one. Of more the older are
thinned: what was said just now must count."""
LIKELY = 0.5
"""Probability from which a window counts as a rejected sound; where the other is likelier, nothing
changes: thresholds are high, and a slight doubt about all birds would silence them."""


class _Sounds:
    """Sounds of some species, species after species.

    Args:
        held: float16[n, dim] of each, one at least, the oldest first.
    """

    def __init__(self, held: Mapping[str, Float16s]) -> None:
        most = max(1, min(_MOST_OF_SPECIES, _MOST_IN_ALL // max(len(held), 1)))
        kept = [newer(rows, most) for rows in held.values()]
        self.places = {species: place for place, species in enumerate(held)}
        counts = np.array([len(rows) for rows in kept], np.intp)
        self._rows = np.concatenate(kept).astype(np.float32) if kept else None
        self._starts = np.cumsum(counts) - counts

    def nearest(self, sounds: Float32s) -> Float32s:
        """Cosine with the nearest of each species, and in a last column -1, for none."""
        lacking = np.full((len(sounds), 1), -1, np.float32)
        if self._rows is None:
            return lacking
        best = np.maximum.reduceat(sounds @ self._rows.T, self._starts, axis=1)
        return np.concatenate([best, lacking], axis=1)


class Rejects:
    """Rejected sounds of a station.

    Args:
        species_ids: the species that can be reported, in order.
        rejected: float16[n, dim] sounds that are no bird that is listened for, or None.
        mistaken: float16[n, dim] sounds that are not that species, by species id.
        exemplars: float16[n, dim] confirmed sounds, by species id.
        likeness: probability that two sounds are one, by their cosine; None if the bundle has none.
    """

    def __init__(
        self,
        species_ids: Sequence[str],
        rejected: Float16s | None,
        mistaken: Mapping[str, Float16s],
        exemplars: Mapping[str, Float16s],
        likeness: LikenessMap | None,
    ) -> None:
        self._likeness, self._confirmed = likeness or _SAME, _Sounds(exemplars)
        taken = {species: mistaken[species] for species in species_ids if species in mistaken}
        self._mistaken = _Sounds(taken)
        self._columns = [n for n, species in enumerate(species_ids) if species in taken]
        self._own = [self._confirmed.places.get(species, -1) for species in taken]
        """Places of the same species among the confirmed; the last column for none."""
        self._rejected = None
        if rejected is not None:
            self._rejected = newer(rejected, _MOST).astype(np.float32)

    def doubt(self, sounds: Float32s, species: int) -> Float64s | None:
        """Probability that windows are a rejected sound, for each species; None without any.

        Args:
            sounds: float32[batch, dim].
            species: count of those that can be reported.

        Returns:
            float64[batch, species].
        """
        if self._rejected is None and not self._columns:
            return None
        doubt, confirmed = np.zeros((len(sounds), species)), self._confirmed.nearest(sounds)
        if self._rejected is not None:
            nearest = (sounds @ self._rejected.T).max(axis=1)
            doubt[:] = self._doubt(nearest, confirmed.max(axis=1))[:, None]
        if self._columns:
            nearest = self._mistaken.nearest(sounds)[:, :-1]
            own = self._doubt(nearest, confirmed[:, self._own])
            doubt[:, self._columns] = np.maximum(doubt[:, self._columns], own)
        return doubt

    def _doubt(self, rejected: Float32s, confirmed: Float32s) -> Float64s:
        """By the likeness to either; none where the confirmed sound is nearer."""
        return np.asarray(np.where(rejected > confirmed, self._likeness(rejected), 0.0))
