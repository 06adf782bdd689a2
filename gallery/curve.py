"""From scores to probabilities, and to the threshold at which a listener reports."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from edge.contract.audio import AudioSpec
from edge.contract.calibration import Calibration
from edge.contract.errors import BundleError
from edge.decision.confirm import Confirmer, Hit

_KNOTS = 33
_LEAST_THRESHOLD, _MOST_THRESHOLD, _CANDIDATES = 0.5, 0.99, 99


@dataclass(frozen=True)
class ScoredWindows:
    """Every window of every take."""

    score: npt.NDArray[np.float32]
    """float32[windows, species]."""
    there: npt.NDArray[np.bool_]
    """bool[windows, species]: the species sings in the take."""
    take: npt.NDArray[np.intp]
    """int[windows], ascending."""
    mixed: npt.NDArray[np.bool_]
    """bool[windows]: of a take with two birds."""
    spec: AudioSpec

    def alone(self) -> "ScoredWindows":
        """Without the mixtures."""
        kept = ~self.mixed
        return ScoredWindows(
            self.score[kept], self.there[kept], self.take[kept], self.mixed[kept], self.spec
        )

    @classmethod
    def joined(cls, parts: Sequence["ScoredWindows"]) -> "ScoredWindows":
        """All windows; takes are numbered on from part to part."""
        firsts = np.cumsum([0, *(one.take[-1] + 1 for one in parts[:-1])])
        takes = [one.take + first for one, first in zip(parts, firsts, strict=True)]
        return cls(
            np.concatenate([one.score for one in parts]),
            np.concatenate([one.there for one in parts]),
            np.concatenate(takes),
            np.concatenate([one.mixed for one in parts]),
            parts[0].spec,
        )


def fit_calibration(windows: ScoredWindows) -> Calibration:
    """The curve of all windows, and the threshold of those without mixtures.

    Raises:
        BundleError: higher scores are not more often right.
    """
    slope, intercept = fit_platt(windows.score, windows.there)
    if slope <= 0:
        raise BundleError("calibration: higher scores are not more often right; train longer")
    knots = np.linspace(windows.score.min(), windows.score.max(), _KNOTS)
    curve = 1 / (1 + np.exp(-np.clip(slope * knots + intercept, -30, 30)))
    mapped = Calibration(tuple(map(float, knots)), tuple(map(float, curve)), 0.0)
    single = windows.alone()
    return replace(mapped, threshold=false_threshold(mapped.probability(single.score), single))


def fit_platt(
    score: npt.NDArray[np.floating], there: npt.NDArray[np.bool_], steps: int = 100
) -> tuple[float, float]:
    """Slope and intercept of P(there | score) by Newton's method on the logistic loss.

    Targets are smoothed as Platt 1999 section 2.2 has them, so that a perfect split stays finite.
    """
    present = int(there.sum())
    target = np.where(there, (present + 1) / (present + 2), 1 / (there.size - present + 2))
    inputs = np.stack([score.ravel(), np.ones(score.size)], axis=1).astype(np.float64)
    weights = np.zeros(2)
    for _ in range(steps):
        probability = 1 / (1 + np.exp(-np.clip(inputs @ weights, -30, 30)))
        gradient = inputs.T @ (probability - target.ravel())
        curvature = (inputs * (probability * (1 - probability))[:, None]).T @ inputs
        step = np.linalg.solve(curvature + 1e-6 * np.eye(2), gradient)
        weights -= step
        if np.abs(step).max() < 1e-8:
            break
    return float(weights[0]), float(weights[1])


def false_matches(
    probability: npt.NDArray[np.floating], windows: ScoredWindows, threshold: float
) -> int:
    """How many wrong species the listener's confirmation would report, take by take."""
    wrong = (probability >= threshold) & ~windows.there
    return sum(
        _confirmed(wrong[windows.take == take], windows.spec)
        for take in np.unique(windows.take[wrong.any(axis=1)])
    )


def false_threshold(probability: npt.NDArray[np.floating], windows: ScoredWindows) -> float:
    """The lowest threshold, from even odds up, with at most one false match an hour."""
    spec = windows.spec
    hours = len(windows.take) * spec.hop_samples / spec.sample_rate_hz / 3600
    candidates = np.linspace(_LEAST_THRESHOLD, _MOST_THRESHOLD, _CANDIDATES)
    for threshold in candidates:
        if false_matches(probability, windows, float(threshold)) <= hours:
            return float(threshold)
    return _MOST_THRESHOLD


def _confirmed(passing: npt.NDArray[np.bool_], spec: AudioSpec) -> int:
    """Matches in one take, bool[windows, species]."""
    confirmer: Confirmer[None] = Confirmer(spec)
    count = 0
    for n, row in enumerate(passing):
        start = n * spec.hop_samples
        hits = {int(species): Hit(start, 1.0, None) for species in np.flatnonzero(row)}
        count += len(confirmer.update(start, hits))
    return count + len(confirmer.finish())


def true_matches(
    probability: npt.NDArray[np.floating], windows: ScoredWindows, threshold: float
) -> tuple[int, int]:
    """How many takes of birds the listener's confirmation would report right, and how many are."""
    right = (probability >= threshold) & windows.there
    takes = np.unique(windows.take[windows.there.any(axis=1)])
    found = [_confirmed(right[windows.take == take], windows.spec) > 0 for take in takes]
    return sum(found), len(takes)
