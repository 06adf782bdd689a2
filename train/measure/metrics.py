"""Retrieval metrics with bootstrap intervals."""

from dataclasses import dataclass

import numpy as np

from edge.contract.arrays import Array, Flags, Float64s, Floats

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


def average_precision(similarity: Floats, relevant: Relevance) -> Float64s:
    """Average precision of every query.

    Args:
        similarity: float[queries, gallery].
        relevant: bool[queries, gallery], at least one a query.
    """
    return _precision(_ranked(similarity, relevant))


def ranked_metrics(similarity: Floats, relevant: Relevance) -> dict[str, Float64s]:
    """Every metric of every query: `mAP`, `R@k`, and the `rank`, from 1, of the first relevant.

    Shapes as `average_precision`. R@k is 1 if any of the k best is relevant, else 0.
    """
    places = range(0, len(similarity), _BLOCK)
    blocks = [_ranked(similarity[n : n + _BLOCK], relevant[n : n + _BLOCK]) for n in places]
    first = np.concatenate([block.argmax(axis=1) for block in blocks])
    recalls = {f"R@{k}": (first < k).astype(float) for k in RECALLS}
    precision = np.concatenate([_precision(block) for block in blocks])
    return {"mAP": precision, **recalls, "rank": first + 1.0}


def _ranked(similarity: Floats, relevant: Relevance) -> Relevance:
    """bool[queries, gallery]: the relevant ones with the most similar first."""
    order = np.argsort(-similarity, axis=1, kind="stable")
    return np.take_along_axis(relevant, order, axis=1)


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
    random = np.random.default_rng(seed)
    drawn = random.integers(len(values), size=(_RESAMPLES, len(values)))
    if classes is None:
        mean, means = float(values.mean()), values[drawn].mean(axis=1)
    else:
        mean = class_average(values, classes)
        means = np.array([class_average(values[places], classes[places]) for places in drawn])
    low, high = np.percentile(means, [2.5, 97.5])
    return Interval(mean, float(low), float(high))


def _precision(found: Relevance) -> Float64s:
    precision = np.cumsum(found, axis=1) / np.arange(1, found.shape[1] + 1)
    mean: Float64s = (precision * found).sum(axis=1) / found.sum(axis=1)
    return mean
