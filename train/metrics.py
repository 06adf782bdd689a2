"""Retrieval metrics with bootstrap intervals."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Relevance = npt.NDArray[np.bool_]
_RESAMPLES = 1000


@dataclass(frozen=True)
class Interval:
    """A mean with its 95 % bootstrap interval over queries."""

    mean: float
    low: float
    high: float

    def __str__(self) -> str:
        return f"{self.mean:.3f} [{self.low:.3f}, {self.high:.3f}]"


def average_precision(similarity: npt.NDArray[np.floating], relevant: Relevance) -> Floats:
    """Average precision of every query.

    Args:
        similarity: float[queries, gallery].
        relevant: bool[queries, gallery], at least one a query.
    """
    ranked = _ranked(similarity, relevant)
    precision = np.cumsum(ranked, axis=1) / np.arange(1, ranked.shape[1] + 1)
    found: Floats = (precision * ranked).sum(axis=1) / ranked.sum(axis=1)
    return found


def recall_at(similarity: npt.NDArray[np.floating], relevant: Relevance, k: int) -> Floats:
    """R@k of every query: 1 if any of its k best is relevant, else 0. Shapes as above."""
    return _ranked(similarity, relevant)[:, :k].any(axis=1).astype(float)


def class_average(values: Floats, classes: npt.NDArray[Any]) -> float:
    """Mean over classes of the mean over each class's queries, so that rare species count alike.

    Args:
        values: float[queries].
        classes: [queries].
    """
    _, place = np.unique(classes, return_inverse=True)
    return float((np.bincount(place, values) / np.bincount(place)).mean())


def bootstrap(values: Floats, seed: int = 0) -> Interval:
    """Mean and percentile interval of float[queries], resampled by query."""
    random = np.random.default_rng(seed)
    drawn = random.integers(len(values), size=(_RESAMPLES, len(values)))
    low, high = np.percentile(values[drawn].mean(axis=1), [2.5, 97.5])
    return Interval(float(values.mean()), float(low), float(high))


def _ranked(similarity: npt.NDArray[np.floating], relevant: Relevance) -> Relevance:
    order = np.argsort(-similarity, axis=1, kind="stable")
    return np.take_along_axis(relevant, order, axis=1)
