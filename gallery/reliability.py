"""From scores to probabilities: Platt's logistic curve, or isotonic regression, and how good."""

from collections.abc import Callable

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.floating]
Flags = npt.NDArray[np.bool_]
Curve = Callable[[Floats], npt.NDArray[np.float64]]
_KNOTS = 64


def fit_platt(score: Floats, there: Flags, steps: int = 100) -> tuple[float, float]:
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


def platt_knots(score: Floats, there: Flags) -> tuple[Floats, Floats]:
    """The logistic curve as knots of a piecewise linear one: scores and probabilities."""
    slope, intercept = fit_platt(score, there)
    knots = np.linspace(score.min(), score.max(), _KNOTS)
    return knots, 1 / (1 + np.exp(-np.clip(slope * knots + intercept, -30, 30)))


def isotonic_knots(score: Floats, there: Flags) -> tuple[Floats, Floats]:
    """The non-decreasing curve nearest to the data (Zadrozny and Elkan 2002), as knots.

    Pool adjacent violators. The highest block is drawn towards 1/2 by one more of each kind
    as far as the one below allows, so that a few lucky windows make nothing certain.
    """
    order = np.argsort(score, axis=None, kind="stable")
    blocks: list[tuple[float, int, int]] = []  # sum of scores, count, present
    for value, hit in zip(
        score.ravel()[order].tolist(), there.ravel()[order].tolist(), strict=True
    ):
        block = (value, 1, int(hit))
        while blocks and blocks[-1][2] * block[1] >= block[2] * blocks[-1][1]:
            last = blocks.pop()
            block = (last[0] + block[0], last[1] + block[1], last[2] + block[2])
        blocks.append(block)
    total, count, present = np.array(blocks, np.float64).T
    probability = present / count
    probability[-1] = max((present[-1] + 1) / (count[-1] + 2), *probability[-2:-1], 0)
    kept = np.unique(np.linspace(0, len(count) - 1, _KNOTS).round().astype(int))
    return _increasing((total / count)[kept], probability[kept])


def _increasing(scores: Floats, probabilities: Floats) -> tuple[Floats, Floats]:
    """At least two knots, each score larger than the one before."""
    if len(scores) == 1:
        return np.array([scores[0], scores[0] + 1e-6]), np.repeat(probabilities, 2)
    kept = np.concatenate([[True], np.diff(scores) > 0])
    return scores[kept], probabilities[kept]


def log_loss(probability: Floats, there: Flags) -> float:
    """Mean of -log P(what was the case)."""
    right = np.where(there, probability, 1 - probability)
    return float(-np.log(np.maximum(right, 1e-6)).mean())


def brier(probability: Floats, there: Flags) -> float:
    """Mean squared distance from what was the case (Brier 1950)."""
    return float(np.square(probability - there).mean())


def reliability(
    probability: Floats, there: Flags, bins: int = 10
) -> tuple[Floats, Floats, npt.NDArray[np.intp]]:
    """Mean probability, share that was there, and count of each tenth that holds anything."""
    place = np.minimum((probability * bins).astype(int), bins - 1).ravel()
    count = np.bincount(place, minlength=bins)
    held = count > 0
    mean = np.bincount(place, probability.ravel(), bins)[held] / count[held]
    share = np.bincount(place, there.ravel(), bins)[held] / count[held]
    return mean, share, count[held]


def calibration_error(probability: Floats, there: Flags, bins: int = 10) -> float:
    """ECE: mean distance of the two, weighted by count (Naeini, Cooper and Hauskrecht 2015)."""
    mean, share, count = reliability(probability, there, bins)
    return float(np.abs(mean - share) @ count / count.sum())
