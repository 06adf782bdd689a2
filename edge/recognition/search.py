"""From an embedding to a score for every species: cosine, hubness correction, best pictures."""

from collections.abc import Mapping, Sequence
from copy import copy

import numpy as np

from edge.contract.arrays import Float16s, Float32s, Places
from edge.contract.errors import BundleError
from edge.contract.gallery import Gallery
from edge.recognition.background import OWN_SHARE, BackgroundBank, Moments
from edge.recognition.groups import Groups
from edge.recognition.prototypes import Exemplars, ScoreOfLikeness, Scores
from edge.recognition.rows import Rows
from edge.recognition.shortlist import SHORTLIST, Shortlist
from edge.recognition.sign_index import SignIndex

_MANY_ROWS = 4096
"""Above this, only the pictures of the nearest species are looked at."""
_MOST_PICTURES = 2048
"""Pictures of a species that are looked at then; more would cost several times all the others."""


class Search:
    """Search of a gallery: of every row, or of a shortlist if there are many.

    The shortlist is the species with the best mean over all of their rows, which one product with a
    prototype a species yields, and those of the rows that are nearest by an index of signs. A
    species' score is the mean over its best rows, so never below that mean: whoever is left out
    keeps it as score, and can't overtake the best twenty.

    Args:
        gallery: float16[rows, dim].
        species_ids: the species to choose from, in the order of the scores.
        top_pictures: k; a species scores the mean of its best min(k, rows) rows.
        background: float16[m, dim] embeddings of windows without a bird, or None.
        many_rows: how many rows are too many to look at all of them.
        anchors: float16[dim] by species id; a species without a picture is known by its name.
        exemplars: float16[n, dim] confirmed sounds, by species id. Their mean is a prototype; a
            species scores the better of the two.
        scale: score of a likeness to an exemplar (see `Exemplars`).

    Raises:
        BundleError: none of the species has a picture, an anchor or an exemplar.
    """

    def __init__(
        self,
        gallery: Gallery,
        species_ids: Sequence[str],
        top_pictures: int,
        background: Float16s | None = None,
        many_rows: int = _MANY_ROWS,
        anchors: Mapping[str, Float16s] | None = None,
        exemplars: Mapping[str, Float16s] | None = None,
        scale: ScoreOfLikeness | None = None,
    ) -> None:
        named, confirmed = anchors or {}, exemplars or {}
        known = gallery.members.keys() | confirmed.keys() | named.keys()
        self.species_ids = [species for species in species_ids if species in known]
        if not self.species_ids:
            raise BundleError("none of the chosen species has a picture in this gallery")
        self.rows, self._top = Rows(gallery, self.species_ids, named), top_pictures
        self._listed = len(self.rows) > many_rows and len(self.species_ids) > SHORTLIST
        if self._listed:
            self.rows.thin(_MOST_PICTURES)
        else:
            self.rows.keep_wide()
        self._signs = SignIndex(self.rows) if self._listed else None
        self._bank = BackgroundBank(background)
        self._shipped = self._moments(self._bank)
        self._standardise(self._shipped)
        self._scale = scale
        self._exemplars = Exemplars(self.species_ids, confirmed, self._bank, scale)

    def taught(
        self, exemplars: Mapping[str, Float16s], background: BackgroundBank | None
    ) -> "Search":
        """The same species, with what a station has learnt.

        Args:
            exemplars: in place of those before.
            background: the station's own, beside what it was opened with; None leaves it as it is.
        """
        other = copy(self)
        if background is not None:
            other._bank = background
            other._standardise(self._shipped.joined(self._moments(background), OWN_SHARE))
        other._exemplars = Exemplars(self.species_ids, exemplars, other._bank, self._scale)
        return other

    def scores(self, embeddings: Float32s, sounds: Float32s | None = None) -> Scores:
        """Score windows.

        Args:
            embeddings: float32[batch, dim], unit rows.
            sounds: float32[batch, sound_dim], unit rows; None: the embeddings tell sounds apart.
        """
        sounds = embeddings if sounds is None else sounds
        return self._exemplars.best(sounds, self._shown(embeddings))

    def best_rows(self, embedding: Float32s, species: int, count: int) -> list[tuple[int, float]]:
        """The gallery's rows of a species nearest to one window, with their cosine, best first.

        Args:
            embedding: float32[dim] of the window.
            species: index into `species_ids`.
            count: how many at most.
        """
        places = self.rows.groups.places(species)
        places = places[self.rows.numbers[places] >= 0]
        cosine = self.rows.wide(places) @ embedding
        order = np.argsort(-cosine, kind="stable")[:count]
        return [(int(self.rows.numbers[places[n]]), float(cosine[n])) for n in order]

    def by_species(self, values: Float32s) -> Float32s:
        """Mean of each species' best rows, float32[batch, rows] -> float32[batch, species]."""
        return self.rows.groups.best_means(values, self._top)

    def _shown(self, embeddings: Float32s) -> Scores:
        """Scores by what is shown of a species: its pictures, or its name."""
        if self._list is None:
            return self._score(embeddings @ self.rows.wide().T, self.rows.groups)
        score = self._list.scores(embeddings)
        similarity = np.full_like(score, -1)
        for n, embedding in enumerate(embeddings):
            best = np.union1d(self._list.best(score[n]), self._nearest(embedding))
            close = self._look(embedding, best)
            score[n, best], similarity[n, best] = close.score[0], close.similarity[0]
        return Scores(score, similarity)

    def _nearest(self, embedding: Float32s) -> Places:
        """The species of the rows nearest to one window."""
        if self._signs is None:
            return np.empty(0, np.intp)
        rows, _ = self._signs.nearest(embedding, self._mean, self._deviation)
        owners = self.rows.groups.owner(rows)
        _, first = np.unique(owners, return_index=True)
        nearest: Places = owners[np.sort(first)][:SHORTLIST]
        return nearest

    def _look(self, embedding: Float32s, species: Places) -> Scores:
        """The scores of some species only."""
        groups = self.rows.groups
        places = np.concatenate([groups.places(number) for number in species])
        cosine = (self.rows.wide(places) @ embedding)[None]
        return self._score(cosine, Groups(groups.counts[species]), places)

    def _score(
        self, cosine: Float32s, groups: Groups, rows: Places | slice = slice(None)
    ) -> Scores:
        """Scores of the species whose rows these are, by the rows' cosine."""
        corrected = (cosine - self._mean[rows]) / self._deviation[rows]
        both = groups.best_means(np.concatenate([corrected, cosine]), self._top)  # in one pass
        return Scores(both[: len(cosine)], both[len(cosine) :])

    def _standardise(self, moments: Moments) -> None:
        self._mean, self._deviation = moments.standard()
        listed = self._listed
        self._list = Shortlist(self.rows, self._mean, self._deviation) if listed else None

    def _moments(self, background: BackgroundBank) -> Moments:
        """Of all rows, over a bank without those beside it."""
        parts = [background.own_moments(rows) for _, rows in self.rows.parts()]
        mean = np.concatenate([part.mean for part in parts])
        return Moments(parts[0].windows, mean, np.concatenate([part.variance for part in parts]))
