"""Retrieval per query, so that queries can be pooled and methods compared.

A recording is what its windows say together: similarities are pooled by the maximum.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from edge.contract.arrays import Embeddings, Flags, Float64s, Floats, Places
from edge.contract.gallery import Gallery, GalleryRow
from edge.contract.manifest import Manifest
from edge.recognition.search import Search
from train.measure.metrics import ranked_metrics

Values = dict[str, list[float]]
METRICS = ("mAP", "R@1", "R@5")
"""What every table shows; there are more, see `train.measure.metrics.ranked_metrics`."""
_BLOCK = 8192
"""Windows that are compared with a gallery at a time."""


@dataclass(frozen=True)
class PooledEmbeddings:
    """Recordings as one method hears them."""

    windows: Embeddings
    """float32[windows, dim], unit rows."""
    recording: Places
    """int[windows], ascending."""

    @property
    def starts(self) -> Places:
        """int[recordings]: the first window of each."""
        return np.flatnonzero(np.diff(self.recording, prepend=-1))

    def pooled(self, rows: Embeddings) -> Embeddings:
        """Similarity of every recording with every row: the maximum over its windows."""
        return self.each(lambda windows: windows @ rows.T)

    def each(self, score: Callable[[Embeddings], Embeddings]) -> Embeddings:
        """Score windows, so many at a time as memory holds, and pool them.

        Args:
            score: float32[windows, dim] -> float32[windows, n].

        Returns:
            float32[recordings, n].
        """
        starts = self.starts
        blocks = np.searchsorted(starts, range(0, len(self.windows), _BLOCK), side="right")
        cuts = np.unique(starts[blocks - 1])  # between recordings only
        parts = [
            PooledEmbeddings(windows, recording).loudest(score(windows))
            for windows, recording in zip(
                np.split(self.windows, cuts[1:]), np.split(self.recording, cuts[1:]), strict=True
            )
        ]
        return np.concatenate(parts)

    def loudest(self, values: Embeddings) -> Embeddings:
        """float32[windows, n] -> float32[recordings, n]: the maximum over windows."""
        pooled: Embeddings = np.maximum.reduceat(values, self.starts, axis=0)
        return pooled


@dataclass(frozen=True)
class LabelledEmbeddings:
    """Rows of the teacher's space, and the species of each."""

    rows: Embeddings
    """float32[n, dim], unit rows."""
    species: npt.NDArray[np.str_]
    """str[n], species ids."""

    def of(self, species: Sequence[str]) -> "LabelledEmbeddings":
        """Only the rows of some species."""
        kept = np.isin(self.species, species)
        return LabelledEmbeddings(self.rows[kept], self.species[kept])


def species_scores(
    embedded: PooledEmbeddings,
    gallery: LabelledEmbeddings,
    species: Sequence[str],
    bank: Embeddings | None,
) -> LabelledEmbeddings:
    """The scores that `birdlisten identify` ranks by, from the listener's own search.

    Args:
        embedded: the recordings.
        gallery: pictures.
        species: to choose from; those without a picture are left out.
        bank: float32[m, dim], windows of background as the same method hears them, or None.

    Returns:
        float32[species, recordings] and the ids of the species.
    """
    table = tuple(
        GalleryRow(species_id=str(species), picture="", url="", author="", licence="")
        for species in gallery.species
    )
    pictures = Gallery(gallery.rows.astype(np.float16), table)
    background = None if bank is None else bank.astype(np.float16)
    search = Search(pictures, species, Manifest.top_pictures, background)
    scores = embedded.each(lambda windows: search.scores(windows).score)
    return LabelledEmbeddings(scores.T, np.array(search.species_ids))


def retrieval(
    embedded: PooledEmbeddings,
    species: npt.NDArray[np.str_],
    galleries: Mapping[str, LabelledEmbeddings],
) -> dict[str, Values]:
    """Metrics of every query, keyed by task: `A->NAME` and `NAME->A` for each gallery.

    Args:
        embedded: the recordings.
        species: str[recordings], ids.
        galleries: what to search, by name; rows may be pictures or, for A->T, anchors.

    A query whose species the gallery lacks has no right answer and gets NaN, so that queries
    keep their places.
    """
    found = {}
    for name, gallery in galleries.items():
        similarity = embedded.pooled(gallery.rows)
        relevant = matches(species, gallery.species)
        found[f"A->{name}"] = per_query(similarity, relevant)
        found[f"{name}->A"] = per_query(similarity.T, relevant.T)
    return found


def matches(queries: npt.ArrayLike, answers: npt.ArrayLike) -> Flags:
    """bool[queries, answers]: which are of the same species."""
    same: Flags = np.asarray(queries)[:, None] == np.asarray(answers)[None]
    return same


def per_query(similarity: Floats, relevant: Flags) -> Values:
    """Each metric of each query; NaN where nothing is relevant."""
    asked: Flags = np.any(relevant, axis=1)
    values = ranked_metrics(similarity[asked], relevant[asked])
    return {name: _in_place(query_values, asked) for name, query_values in values.items()}


def _in_place(values: Float64s, asked: Flags) -> list[float]:
    placed = np.full(len(asked), np.nan)
    placed[asked] = values
    return [float(value) for value in placed]
