"""Fusion of what speaks for a species: its pictures, and the anchor of its name.

Each is standardised over the background, and their weighted mean is the score (a late fusion as in
Kittler et al. 1998). A species that lacks one kind is scored by the other. Every name that the
bundle knows is scored, so that what sounds more like a bird that nobody asked for is not taken for
one of those that were.
"""

from collections.abc import Mapping, Sequence
from copy import copy

import numpy as np

from edge.contract.arrays import Float16s, Float32s, Places
from edge.contract.calibration import Weights
from edge.contract.errors import BundleError
from edge.contract.gallery import Gallery
from edge.recognition.background import BackgroundBank
from edge.recognition.prototypes import Exemplars, Prototypes, ScoreOfLikeness, Scores
from edge.recognition.search import Search


class Fusion:
    """Scores of species by pictures and names.

    Args:
        gallery: float16[rows, dim].
        species_ids: the species to score, in the order of the scores; those without a picture, an
            anchor or an exemplar are left out.
        top_pictures: k of the pictures' score.
        weights: of the kinds.
        anchors: float16[dim] by species id.
        background: float16[m, dim] embeddings of windows without a bird, or None.
        exemplars: float16[n, dim] confirmed sounds, by species id.
        scale: score of a likeness to an exemplar (see `edge.recognition.prototypes.Exemplars`).

    Raises:
        BundleError: nothing is known of any of the species.
    """

    def __init__(
        self,
        gallery: Gallery,
        species_ids: Sequence[str],
        top_pictures: int,
        weights: Weights,
        anchors: Mapping[str, Float16s],
        background: Float16s | None = None,
        exemplars: Mapping[str, Float16s] | None = None,
        scale: ScoreOfLikeness | None = None,
    ) -> None:
        pictured, confirmed, bank = gallery.members, exemplars or {}, BackgroundBank(background)
        known = anchors.keys() | pictured.keys() | confirmed.keys()
        self.species_ids = [species for species in species_ids if species in known]
        if not self.species_ids:
            raise BundleError("none of the chosen species has a picture or a name in this bundle")
        place = {species: n for n, species in enumerate(self.species_ids)}
        seen = [species for species in self.species_ids if species in pictured]
        named = [species for species in self.species_ids if species in anchors]
        self._pictures = Search(gallery, seen, top_pictures, background) if seen else None
        self._picture_place = {place[species]: n for n, species in enumerate(seen)}
        self._picture_columns = np.array([place[species] for species in seen], np.intp)
        rows = [anchors[species] for species in named]
        self._anchors = Prototypes(rows, bank) if named else None
        self._anchor_columns = np.array([place[species] for species in named], np.intp)
        self._weights = _shares(weights, self._picture_columns, self._anchor_columns, len(place))
        self._bank, self._scale = bank, scale
        self._exemplars = Exemplars(self.species_ids, confirmed, bank, scale)

    def taught(
        self, exemplars: Mapping[str, Float16s], background: BackgroundBank | None
    ) -> "Fusion":
        """The same species, with what a station has learnt; arguments as of `Search.taught`."""
        other = copy(self)
        if background is not None:
            other._bank = background
            other._pictures = self._pictures and self._pictures.taught({}, background)
            other._anchors = self._anchors and self._anchors.over(background)
        other._exemplars = Exemplars(self.species_ids, exemplars, other._bank, self._scale)
        return other

    def scores(self, embeddings: Float32s, sounds: Float32s | None = None) -> Scores:
        """Score windows; arguments as of `Search.scores`."""
        shape = (len(embeddings), len(self.species_ids))
        score, similarity = np.zeros(shape, np.float32), np.full(shape, -1, np.float32)
        if self._anchors is not None:
            columns = self._anchor_columns
            cosine, standard = self._anchors.scores(embeddings)
            score[:, columns] += self._weights[1, columns] * standard
            similarity[:, columns] = cosine
        if self._pictures is not None:
            columns, seen = self._picture_columns, self._pictures.scores(embeddings)
            score[:, columns] += self._weights[0, columns] * seen.score
            similarity[:, columns] = seen.similarity
        sounds = embeddings if sounds is None else sounds
        return self._exemplars.best(sounds, Scores(score, similarity))

    def best_rows(self, embedding: Float32s, species: int, count: int) -> list[tuple[int, float]]:
        """The gallery's rows of a species nearest to one window; none if it has no picture."""
        place = self._picture_place.get(species)
        if place is None or self._pictures is None:
            return []
        return self._pictures.best_rows(embedding, place, count)


def _shares(weights: Weights, pictured: Places, named: Places, species: int) -> Float32s:
    """Shares of pictures and names for each species, float32[2, species] of sum 1.

    A kind that counts for nothing still speaks where it is all there is.
    """
    held = np.zeros((2, species), np.float32)
    held[0, pictured], held[1, named] = 1, 1
    weighted = held * np.array([[weights.pictures], [weights.anchor]], np.float32)
    shares = np.where(weighted.sum(axis=0) > 0, weighted, held)
    return np.asarray(shares / np.maximum(shares.sum(axis=0), 1e-9), np.float32)
