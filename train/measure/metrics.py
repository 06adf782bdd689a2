"""Retrieval metrics with bootstrap intervals."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from edge.contract.arrays import Array, Flags, Float64s, Floats, Places

Relevance = Flags
RECALLS = (1, 5, 10)
_RESAMPLES = 1000
_BLOCK = 1024
"""Queries that are ranked at a time."""


@dataclass(frozen=True)
class Interval:
    """A mean with its 95 % bootstrap interval over queries."""

    mean: float
    low: float
    high: float

    def __str__(self) -> str:
        return f"{self.mean:.3f} [{self.low:.3f}, {self.high:.3f}]"


class RelevantRanks(NamedTuple):
    """Ranks of one query's relevant answers, from 1, ascending."""

    ranks: Places
    """int[relevant]; of answers that are as similar the first one comes first."""
    auroc: float
    """Area under the ROC curve (Mann-Whitney's U, ties count half); NaN if all are relevant."""


def average_precision(similarity: Floats, relevant: Relevance) -> Float64s:
    """Average precision of every query.

    Args:
        similarity: float[queries, gallery].
        relevant: bool[queries, gallery], at least one a query.
    """
    return ranked_metrics(similarity, relevant)["mAP"]


def ranked_metrics(similarity: Floats, relevant: Relevance) -> dict[str, Float64s]:
    """Every metric of every query: `mAP`, `R@k`, and the `rank`, from 1, of the first relevant.

    Shapes as `average_precision`. R@k is 1 if any of the k best is relevant, else 0.
    """
    found = [
        ranks
        for begin in range(0, len(similarity), _BLOCK)
        for ranks in relevant_ranks(
            similarity[begin : begin + _BLOCK],
            [np.flatnonzero(row) for row in relevant[begin : begin + _BLOCK]],
        )
    ]
    return metrics_of([places.ranks for places in found])


def metrics_of(ranks: Sequence[Places]) -> dict[str, Float64s]:
    """The metrics of queries by the ranks of their relevant answers, at least one each."""
    first = np.array([places[0] for places in ranks], dtype=float)
    recalls = {f"R@{k}": (first <= k).astype(float) for k in RECALLS}
    precision = [(np.arange(1, len(places) + 1) / places).mean() for places in ranks]
    return {"mAP": np.array(precision), **recalls, "rank": first}


def relevant_ranks(similarity: Floats, relevant: Sequence[Places]) -> Iterator[RelevantRanks]:
    """Ranks of the relevant answers of some queries; only similarities are sorted, not places.

    Args:
        similarity: float[queries, answers].
        relevant: int[n] a query, at least one.
    """
    ordered = np.sort(similarity, axis=1)
    for row, values, places in zip(similarity, ordered, relevant, strict=True):
        yield _ranks(row, values, places)


def _ranks(row: Floats, ordered: Floats, places: Places) -> RelevantRanks:
    """Ranks in one row, whose values are known in ascending order, too."""
    wanted = row[places]
    above = len(row) - np.searchsorted(ordered, wanted, "right")
    level = len(row) - np.searchsorted(ordered, wanted, "left") - above
    ranks = above + 1
    for n in np.flatnonzero(level > 1):
        ranks[n] += np.count_nonzero(row[: places[n]] == wanted[n])
    right, wrong = len(places), len(row) - len(places)
    beaten = (len(row) - above - level + (level + 1) / 2).sum() - right * (right + 1) / 2
    return RelevantRanks(np.sort(ranks), float(beaten / (right * wrong)) if wrong else np.nan)


def class_average(values: Float64s, classes: Array) -> float:
    """Mean over classes of the mean over each class's queries, so that rare species count alike.

    Args:
        values: float[queries].
        classes: [queries].
    """
    _, place = np.unique(classes, return_inverse=True)
    return float((np.bincount(place, values) / np.bincount(place)).mean())


def bootstrap(values: Float64s, seed: int = 0, classes: Array | None = None) -> Interval:
    """Mean and percentile interval of float[queries], resampled by query.

    Args:
        values: one a query.
        seed: of the resampling.
        classes: [queries]; averages by class, see `class_average`.
    """
    column = {"": np.asarray(values, float)}
    return bootstraps(column if classes is None else {}, classes, column, seed)[""]


def bootstraps(
    values: Mapping[str, Float64s],
    classes: Array | None = None,
    averaged: Mapping[str, Float64s] | None = None,
    seed: int = 0,
) -> dict[str, Interval]:
    """Intervals of several metrics over the same resampled queries; see `bootstrap`.

    Args:
        values: float[queries] by metric.
        classes: [queries], for what is averaged by class.
        averaged: float[queries] by metric; their means are `class_average`.
        seed: of the resampling.
    """
    columns, by_class = dict(values), dict(averaged or {})
    every = np.stack([*columns.values(), *by_class.values()], axis=1)
    place = np.zeros(len(every), np.intp)
    if classes is not None:
        place = np.unique(classes, return_inverse=True)[1]
    random = np.random.default_rng(seed)
    counts = (
        np.bincount(random.integers(len(every), size=len(every)), minlength=len(every))
        for _ in range(_RESAMPLES)
    )
    plain = len(columns)
    means = np.array([_means(every, count, place, plain) for count in counts])
    whole = _means(every, np.ones(len(every)), place, plain)
    low, high = np.percentile(means, [2.5, 97.5], axis=0)
    return {
        name: Interval(float(whole[n]), float(low[n]), float(high[n]))
        for n, name in enumerate([*columns, *by_class])
    }


def _means(values: Float64s, counts: Array, place: Places, plain: int) -> Float64s:
    """Means of float[queries, metrics], each query so often; from column `plain` on by class."""
    means = counts @ values[:, :plain] / len(values)
    total = np.bincount(place, counts)
    drawn = total > 0
    averaged = [
        (np.bincount(place, counts * column)[drawn] / total[drawn]).mean()
        for column in values[:, plain:].T
    ]
    found: Float64s = np.concatenate([means, averaged])
    return found
