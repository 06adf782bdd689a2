"""Retrieval per query, so that queries can be pooled and methods compared.

A recording is what its windows say together: similarities are pooled by the maximum.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

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
_AT_ONCE = 2**26
"""Similarities of windows that are held (256 MiB): one product of all is faster than several."""
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

    def __len__(self) -> int:
        return len(self.starts)

    def part(self, recordings: slice) -> "PooledEmbeddings":
        """Some recordings in a row."""
        ends = np.append(self.starts, len(self.windows))
        begin, end, _ = recordings.indices(len(self))
        rows = slice(ends[begin], ends[max(begin, end)])
        return PooledEmbeddings(self.windows[rows], self.recording[rows])

    def pooled(self, rows: Embeddings) -> Embeddings:
        """Similarity of every recording with every row: the maximum over its windows.

        Returns:
            float32[recordings, rows]; where windows x rows are too many, a window of each
            recording at a time.
        """
        if len(self.windows) * len(rows) <= _AT_ONCE:
            return self.loudest(self.windows @ rows.T)
        best: Embeddings = self._layers[0] @ rows.T
        for layer in self._layers[1:]:
            first = best[: len(layer)]
            np.maximum(first, layer @ rows.T, out=first)
        return best[np.argsort(self._order)]

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
        order, places = self._order, self._places
        best: Embeddings = values[places[0]]
        for later in places[1:]:
            np.maximum(best[: len(later)], values[later], out=best[: len(later)])
        return best[np.argsort(order)]

    @cached_property
    def _order(self) -> Places:
        """int[recordings]: those with most windows first."""
        return np.argsort(-self._counts, kind="stable")

    @property
    def _counts(self) -> Places:
        """int[recordings]: windows of each."""
        return np.diff(self.starts, append=len(self.windows))

    @cached_property
    def _places(self) -> list[Places]:
        """The first window of every recording, then the second of those that have as many, ...

        Each in the order of `_order`, so that what is pooled is a run of rows.
        """
        counts = self._counts[self._order]
        having = np.searchsorted(-counts, -np.arange(counts.max()))
        return [self.starts[self._order[:count]] + n for n, count in enumerate(having)]

    @cached_property
    def _layers(self) -> list[Embeddings]:
        """The windows of each of `_places`."""
        cuts = np.cumsum([len(part) for part in self._places])[:-1]
        return np.split(self.windows[np.concatenate(self._places)], cuts)


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
    search = open_search(gallery, species, bank)
    scores = embedded.each(lambda windows: search.scores(windows).score)
    return LabelledEmbeddings(scores.T, np.array(search.species_ids))


def open_search(
    gallery: LabelledEmbeddings, species: Sequence[str], bank: Embeddings | None
) -> Search:
    """The listener's search of a gallery; arguments as `species_scores`."""
    table = tuple(
        GalleryRow(species_id=str(species), picture="", url="", author="", licence="")
        for species in gallery.species
    )
    pictures = Gallery(gallery.rows.astype(np.float16), table)
    background = None if bank is None else bank.astype(np.float16)
    return Search(pictures, species, Manifest.top_pictures, background)


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
