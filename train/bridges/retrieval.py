"""Retrieval between the sound of clips, their frames and texts, and paired differences of runs.

The tables are those of Tsubaki et al. 2024 (arXiv 2403.10756): R@1, R@5 and R@10 of audio to text,
text to audio, audio to image and image to audio. A clip with several captions or frames counts by
the best of them. Right is either the clip itself, as in AudioCaps, or, of birds, any clip, frame
or name of the same species.
"""

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from types import MappingProxyType
from typing import Any

import numpy as np

from edge.contract.arrays import Array, Embeddings, Float64s
from edge.contract.errors import DatasetError
from train.measure.metrics import RECALLS, Interval
from train.measure.retrieval import PooledEmbeddings
from train.measure.species_sets import SpeciesSets
from train.measure.task import Ranking, Task, rank

_RESAMPLES = 2000
TABLE = (*(f"R@{k}" for k in RECALLS), "mAP")
"""Metrics of a row."""


@dataclass(frozen=True)
class Partners:
    """Texts or pictures, and what each is of."""

    rows: Embeddings
    """float32[n, dim], unit rows."""
    of: SpeciesSets
    """Clips or species, as the clips' own."""


@dataclass(frozen=True)
class ClipQuestions:
    """Questions that every run is asked alike: clips among partners, and partners among clips."""

    clips: SpeciesSets
    """What each clip is of: of itself, or of its species."""
    partners: Mapping[str, Partners]
    """By their letter: `T` for texts, `I` for images."""

    def tasks(self, heard: PooledEmbeddings) -> Iterator[Task]:
        """`A->T`, `T->A` and so on; of a clip's windows the most similar one counts."""
        for letter, partners in self.partners.items():
            similarity = heard.pooled(partners.rows)
            yield Task.of(f"A->{letter}", similarity, asked=self.clips, held=partners.of)
            yield Task.of(f"{letter}->A", similarity.T, asked=partners.of, held=self.clips)

    def answers(self, heard: PooledEmbeddings) -> dict[str, Ranking]:
        """Ranking of every task by its name."""
        return {task.name: rank(task) for task in self.tasks(heard)}


def table(
    answers: Mapping[str, Ranking], clusters: Mapping[str, Array] = MappingProxyType({})
) -> Iterator[dict[str, Any]]:
    """Row of every task: queries, and each metric's mean with its interval over them.

    Args:
        answers: by task.
        clusters: [queries] by task, such as the clips of frames: drawn as wholes.
    """
    for name, ranking in answers.items():
        figures = {
            metric: compare(values, 0 * values, clusters.get(name))
            for metric, values in ranking.values.items()
            if metric in TABLE
        }
        yield {
            "task": name,
            "queries": int(ranking.answerable.sum()),
            "median rank": float(np.median(ranking.values["rank"][ranking.answerable])),
            **{metric: asdict(figure) for metric, figure in figures.items()},
        }


def compare(
    first: Float64s, other: Float64s, clusters: Array | None = None, seed: int = 0
) -> Interval:
    """Difference of two methods on the same queries, with its paired bootstrap interval.

    Args:
        first: float[queries] or float[trainings, queries], of which the mean is taken: a metric of
            each query, such as its R@1. NaN where a query has no answer, in both alike.
        other: the same of what it is compared with; may have another number of trainings.
        clusters: [queries], such as their species: drawn as wholes, for queries that stand and
            fall together. None draws single queries.
        seed: of the resampling.

    Returns:
        Mean of first - other, and the percentile interval of 95 %.

    Raises:
        DatasetError: the queries are not the same.
    """
    mine, theirs = np.atleast_2d(first), np.atleast_2d(other)
    missing = np.isnan(mine).any(axis=0)
    if mine.shape[1] != theirs.shape[1] or (missing != np.isnan(theirs).any(axis=0)).any():
        raise DatasetError(
            f"{mine.shape[1]} and {theirs.shape[1]} queries, not the same ones: compare runs on "
            "the same data and split"
        )
    differences = (mine.mean(axis=0) - theirs.mean(axis=0))[~missing]
    groups = np.arange(len(differences)) if clusters is None else np.asarray(clusters)[~missing]
    return _resampled(differences, groups, seed)


def _resampled(values: Float64s, groups: Array, seed: int) -> Interval:
    """Mean of values, whose groups are drawn with replacement."""
    _, place = np.unique(groups, return_inverse=True)
    totals, sizes = np.bincount(place, values), np.bincount(place)
    random = np.random.default_rng(seed)
    drawn = random.integers(len(sizes), size=(_RESAMPLES, len(sizes)))
    low, high = np.percentile(totals[drawn].sum(axis=1) / sizes[drawn].sum(axis=1), [2.5, 97.5])
    return Interval(float(values.mean()), float(low), float(high))
