"""From an embedding to a score for every species: cosine, hubness correction, best pictures."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
import numpy.typing as npt

from edge.contract.arrays import Flags, Float16s, Float32s, Floats, Places
from edge.contract.errors import BundleError
from edge.contract.gallery import Gallery

_LEAST_DEVIATION = 0.05
"""A bank of some clips can't tell a smaller spread, and would blow up its noise."""
_MANY_ROWS = 4096
"""Above this, only the pictures of the nearest species are looked at."""
SHORTLIST = 20
"""Species whose pictures are looked at then."""
BANK_ROWS = 1024
"""Most windows of background that scores are standardised over."""
R = TypeVar("R", bound="np.generic")


@dataclass(frozen=True)
class Scores:
    """Scores of a batch of windows."""

    score: Float32s
    """float32[batch, species], standardised over the background where the bundle ships one."""
    similarity: Float32s
    """float32[batch, species], cosine: mean of the best rows; -1 off a shortlist."""


class Search:
    """Search of a gallery, kept in float32: of every row, or of a shortlist if there are many.

    The shortlist is the species with the best mean over all of their rows, which one product with a
    prototype a species yields. A species' score is the mean over its best rows, so never below that
    mean: whoever is left out keeps it as score, and can't overtake anybody on the list.

    Args:
        gallery: float16[rows, dim].
        species_ids: the species to choose from, in the order of the scores.
        top_pictures: k; a species scores the mean of its best min(k, rows) rows.
        background: float16[m, dim] embeddings of windows without a bird, or None.
        many_rows: how many rows are too many to look at all of them.
        anchors: float16[dim] by species id; a species without a picture is known by its name.
        exemplars: float16[n, dim] embeddings of confirmed sounds, by species id. Their mean is a
            prototype (Snell et al. 2017), standardised like a picture; a species scores the better
            of the two.

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
    ) -> None:
        held, named = members_of(gallery), anchors or {}
        confirmed = {
            species: rows for species, rows in (exemplars or {}).items() if species in species_ids
        }
        known = held.keys() | confirmed.keys() | named.keys()
        self.species_ids = [species for species in species_ids if species in known]
        if not self.species_ids:
            raise BundleError("none of the chosen species has a picture in this gallery")
        shown = [
            _Shown(gallery, held.get(species), named.get(species)) for species in self.species_ids
        ]
        self._numbers: Places = np.concatenate([part.numbers for part in shown])
        self.rows = np.concatenate([part.rows for part in shown]).astype(np.float32)
        self._index = _pad([len(part.numbers) for part in shown])
        self._top = top_pictures
        bank = background if background is not None and len(background) > 1 else None
        self._mean, self._deviation = _background_statistics(self.rows, bank)
        listed = len(self.rows) > many_rows and len(shown) > SHORTLIST
        self._prototypes = self._means() if listed else None
        self._exemplars = Exemplars(self.species_ids, confirmed, bank) if confirmed else None

    def scores(self, embeddings: Float32s) -> Scores:
        """Score float32[batch, dim] unit embeddings."""
        shown = self._shown(embeddings)
        return shown if self._exemplars is None else self._exemplars.best(embeddings, shown)

    def _shown(self, embeddings: Float32s) -> Scores:
        if self._prototypes is None:
            return Scores(*self._score(embeddings @ self.rows.T, self._index))
        prototypes, offset = self._prototypes
        score = embeddings @ prototypes.T - offset
        similarity = np.full_like(score, -1)
        for n, embedding in enumerate(embeddings):
            best = np.argpartition(-score[n], SHORTLIST - 1)[:SHORTLIST]
            close = self._look(embedding, best)
            score[n, best], similarity[n, best] = close[0][0], close[1][0]
        return Scores(score, similarity)

    def best_rows(self, embedding: Float32s, species: int, count: int) -> list[tuple[int, float]]:
        """The gallery's rows of a species nearest to one window, with their cosine, best first.

        Args:
            embedding: float32[dim] of the window.
            species: index into `species_ids`.
            count: how many at most.
        """
        members = self._index[species][self._index[species] >= 0]
        members = members[self._numbers[members] >= 0]
        cosine = self.rows[members] @ embedding
        order = np.argsort(-cosine, kind="stable")[:count]
        return [(int(self._numbers[members[n]]), float(cosine[n])) for n in order]

    def _look(self, embedding: Float32s, species: Places) -> tuple[Float32s, Float32s]:
        """The scores of some species only."""
        wide = self._index[species]
        members = wide[wide >= 0]
        index = _pad((wide >= 0).sum(axis=1).tolist())
        cosine = (self.rows[members] @ embedding)[None]
        return self._score(cosine, index, members)

    def _score(
        self, cosine: Float32s, index: Places, rows: Places | slice = slice(None)
    ) -> tuple[Float32s, Float32s]:
        """Score and similarity."""
        corrected = (cosine - self._mean[rows]) / self._deviation[rows]
        return self.by_species(corrected, index), self.by_species(cosine, index)

    def by_species(self, rows: Float32s, index: Places | None = None) -> Float32s:
        """Mean of each species' best rows, float32[batch, rows] -> float32[batch, species]."""
        index = self._index if index is None else index
        # [batch, species, widest]; the padding column is -inf and never among the best.
        padded = np.pad(rows, ((0, 0), (0, 1)), constant_values=-np.inf)[:, index]
        best = -np.partition(-padded, min(self._top, padded.shape[2]) - 1, axis=2)[..., : self._top]
        held = np.isfinite(best)
        total: Float32s = np.where(held, best, 0).sum(axis=2) / held.sum(axis=2)
        return total

    def _means(self) -> tuple[Float32s, Float32s]:
        """Prototypes and what is taken off: the mean of a species' corrected rows is linear."""
        counts = (self._index >= 0).sum(axis=1)
        starts = np.cumsum(counts) - counts
        scaled = np.concatenate([self.rows, self._mean[:, None]], axis=1)
        scaled /= self._deviation[:, None]
        means = np.add.reduceat(scaled, starts, axis=0) / counts[:, None].astype(np.float32)
        return np.ascontiguousarray(means[:, :-1]), means[:, -1]


def thinned(bank: npt.NDArray[R]) -> npt.NDArray[R]:
    """Every n-th of many windows of background, at most BANK_ROWS."""
    return bank[:: -(-len(bank) // BANK_ROWS)]


class _Shown:
    """Rows of a species: its pictures, else its name, else nothing.

    Args:
        gallery: of all.
        members: its rows there, or None.
        anchor: float16[dim], or None.
    """

    def __init__(self, gallery: Gallery, members: Places | None, anchor: Float16s | None) -> None:
        if members is not None:
            self.numbers, self.rows = members, gallery.rows[members]
        else:
            # A species that is only heard so far has a row that nothing is near to.
            empty = np.zeros(gallery.rows.shape[1], np.float16)
            self.rows = (empty if anchor is None else anchor)[None]
            self.numbers = np.array([-1])


class Prototypes:
    """One row a species, standardised over the background.

    Args:
        rows: float16[dim] or float32[dim] a species, of any length.
        bank: float16[m, dim] embeddings of windows without a bird, or None.
    """

    def __init__(self, rows: Sequence[Floats], bank: Float16s | None) -> None:
        wide = [row.astype(np.float32) for row in rows]
        self._rows = np.array([row / np.linalg.norm(row) for row in wide], np.float32)
        usable = bank if bank is not None and len(bank) > 1 else None
        self._mean, self._deviation = _background_statistics(self._rows, usable)

    def scores(self, embeddings: Float32s) -> tuple[Float32s, Float32s]:
        """Cosine and standardised cosine, float32[batch, species] each."""
        cosine = embeddings @ self._rows.T
        return cosine, (cosine - self._mean) / self._deviation


class Exemplars:
    """One prototype of each species that was confirmed by ear."""

    def __init__(
        self,
        species_ids: Sequence[str],
        exemplars: Mapping[str, Float16s],
        bank: Float16s | None,
    ) -> None:
        chosen = [species for species in species_ids if species in exemplars]
        self._columns = np.array([species_ids.index(species) for species in chosen], dtype=np.intp)
        means = [exemplars[species].astype(np.float32).mean(axis=0) for species in chosen]
        self._prototypes = Prototypes(means, bank)

    def best(self, embeddings: Float32s, shown: Scores) -> Scores:
        """The better of what was seen and what was heard of a species before."""
        cosine, sounded = self._prototypes.scores(embeddings)
        better = sounded > shown.score[:, self._columns]
        return Scores(
            self._put(shown.score, sounded, better),
            self._put(shown.similarity, cosine, better),
        )

    def _put(self, shown: Float32s, sounded: Float32s, better: Flags) -> Float32s:
        found = shown.copy()
        found[:, self._columns] = np.where(better, sounded, shown[:, self._columns])
        return found


def members_of(gallery: Gallery) -> dict[str, Places]:
    """Row numbers of every species that has a picture."""
    rows: dict[str, list[int]] = {}
    for number, row in enumerate(gallery.table):
        rows.setdefault(row.species_id, []).append(number)
    return {species: np.array(numbers) for species, numbers in rows.items()}


def _pad(counts: list[int]) -> Places:
    """Rows that lie species after species, as [species, widest]; -1 where there are fewer."""
    ends, place = np.cumsum(counts), np.arange(max(counts))
    index = (ends - counts)[:, None] + place
    return np.where(place < np.array(counts)[:, None], index, -1)


def _background_statistics(rows: Float32s, bank: Float16s | None) -> tuple[Float32s, Float32s]:
    if bank is None:
        return np.zeros(len(rows), np.float32), np.ones(len(rows), np.float32)
    similarity = bank.astype(np.float32) @ rows.T
    return similarity.mean(axis=0), np.maximum(similarity.std(axis=0), _LEAST_DEVIATION)
