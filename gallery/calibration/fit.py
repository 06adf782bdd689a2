"""From scores to probabilities: Platt's logistic curve, or isotonic regression, and how good."""

import numpy as np

from edge.contract.arrays import Flags, Floats, Places

_KNOTS = 64
_ALONE, _BINS = 200_000, 4_000
"""Pairs of highest score that are taken one by one where there are more; bins for the rest."""


def fit_platt(score: Floats, present: Flags, steps: int = 100) -> tuple[float, float]:
    """Slope and intercept of P(there | score) by Newton's method on the logistic loss.

    Targets are smoothed as Platt 1999 section 2.2 has them, so that a perfect split stays finite.
    """
    value, count, hits = _grouped(score, present)
    present, absent = hits.sum(), (count - hits).sum()
    high, low = (present + 1) / (present + 2), 1 / (absent + 2)
    target = (hits * high + (count - hits) * low) / count
    inputs = np.stack([value, np.ones(len(value))], axis=1)
    weights = np.zeros(2)
    for _ in range(steps):
        probability = 1 / (1 + np.exp(-np.clip(inputs @ weights, -30, 30)))
        gradient = inputs.T @ (count * (probability - target))
        spread = count * probability * (1 - probability)
        curvature = (inputs * spread[:, None]).T @ inputs
        step = np.linalg.solve(curvature + 1e-6 * np.eye(2), gradient)
        weights -= step
        if np.abs(step).max() < 1e-8:
            break
    return float(weights[0]), float(weights[1])


def _grouped(score: Floats, present: Flags) -> tuple[Floats, Floats, Floats]:
    """Score, count and present of groups of pairs, by ascending score.

    Each pair by itself, but for the lowest of very many: those are binned by score.
    """
    value, hits = score.ravel(), present.ravel()
    if len(value) <= _ALONE:
        return _sorted(value, hits)
    place = len(value) - _ALONE
    cut = np.partition(value, place)[place]
    high, low = _sorted(value[value >= cut], hits[value >= cut]), value < cut
    below = _binned(value[low], hits[low])
    return (
        np.concatenate([below[0], high[0]]),
        np.concatenate([below[1], high[1]]),
        np.concatenate([below[2], high[2]]),
    )


def _sorted(value: Floats, hits: Flags) -> tuple[Floats, Floats, Floats]:
    order = np.argsort(value, kind="stable")
    return value[order].astype(np.float64), np.ones(len(order)), hits[order].astype(np.float64)


def _binned(value: Floats, hits: Flags) -> tuple[Floats, Floats, Floats]:
    """Bins of equal width that hold anything."""
    if not len(value):
        return np.empty(0), np.empty(0), np.empty(0)
    lowest, width = value.min(), max(float(np.ptp(value)), 1e-9) / _BINS
    place = np.minimum(((value - lowest) / width).astype(np.int32), _BINS - 1)
    count = np.bincount(place, minlength=_BINS)
    total = np.bincount(place, value, _BINS)
    present = np.bincount(place[hits], minlength=_BINS)
    held = count > 0
    return total[held] / count[held], count[held].astype(np.float64), present[held].astype(float)


def platt_knots(score: Floats, present: Flags) -> tuple[Floats, Floats]:
    """The logistic curve as knots of a piecewise linear one: scores and probabilities."""
    slope, intercept = fit_platt(score, present)
    knots = np.linspace(score.min(), score.max(), _KNOTS)
    return knots, 1 / (1 + np.exp(-np.clip(slope * knots + intercept, -30, 30)))


def isotonic_knots(score: Floats, present: Flags) -> tuple[Floats, Floats]:
    """The non-decreasing curve nearest to the data (Zadrozny and Elkan 2002), as knots.

    Pool adjacent violators. The highest block is drawn towards 1/2 by one more of each kind
    as far as the one below allows, so that a few lucky windows make nothing certain.
    """
    blocks: list[tuple[float, float, float]] = []  # sum of scores, count, present
    groups = (column.tolist() for column in _grouped(score, present))
    for value, number, hits in zip(*groups, strict=True):
        block = (value * number, number, hits)
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


def log_loss(probability: Floats, present: Flags) -> float:
    """Mean of -log P(what was the case)."""
    right = np.where(present, probability, 1 - probability)
    return float(-np.log(np.maximum(right, 1e-6)).mean())


def brier(probability: Floats, present: Flags) -> float:
    """Mean squared distance from what was the case (Brier 1950)."""
    return float(np.square(probability - present).mean())


def reliability(
    probability: Floats, present: Flags, bins: int = 10
) -> tuple[Floats, Floats, Places]:
    """Mean probability, share that was there, and count of each tenth that holds anything."""
    place = np.minimum((probability * bins).astype(int), bins - 1).ravel()
    count = np.bincount(place, minlength=bins)
    held = count > 0
    mean = np.bincount(place, probability.ravel(), bins)[held] / count[held]
    share = np.bincount(place, present.ravel(), bins)[held] / count[held]
    return mean, share, count[held]


def calibration_error(probability: Floats, present: Flags, bins: int = 10) -> float:
    """ECE: mean distance of the two, weighted by count (Naeini, Cooper and Hauskrecht 2015)."""
    mean, share, count = reliability(probability, present, bins)
    return float(np.abs(mean - share) @ count / count.sum())
