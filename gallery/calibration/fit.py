"""From scores to probabilities: Platt's logistic curve, or isotonic regression, and how good."""

from collections.abc import Iterable
from typing import Any, NamedTuple

import numpy as np

from edge.contract.arrays import Flags, Floats, Places

_KNOTS = 64
_ALONE, _BINS = 200_000, 4_000
"""Pairs of highest score that are taken one by one where there are more; bins for the rest."""


Blocks = Iterable[tuple[Floats, Flags]]
"""Scores and what is present, of one shape each; walked through several times."""


class ScoreGroups(NamedTuple):
    """Pairs of score and presence by ascending score: the highest one by one, the rest in bins."""

    value: Floats
    """float64[groups]: mean score."""
    pairs: Floats
    """Count of each."""
    hits: Floats
    """Pairs that are present."""
    lowest: Any
    """Score of all pairs; 0 of none."""
    highest: Any

    @property
    def is_finite(self) -> bool:
        """False if a score is NaN or infinite."""
        return bool(np.isfinite([self.lowest, self.highest]).all())

    @property
    def is_of_one_kind(self) -> bool:
        """True if all pairs are present, or none is."""
        return float(self.hits.sum()) in (0.0, float(self.pairs.sum()))


def fit_platt(score: Floats, present: Flags) -> tuple[float, float]:
    """Slope and intercept of P(there | score) of pairs in memory; see `platt`."""
    return platt(grouped([(score, present)]))


def platt(groups: ScoreGroups, steps: int = 100) -> tuple[float, float]:
    """Slope and intercept of P(there | score) by Newton's method on the logistic loss.

    Targets are smoothed as Platt 1999 section 2.2 has them, so that a perfect split stays finite.
    """
    value, count, hits = groups[:3]
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


def grouped(blocks: Blocks) -> ScoreGroups:
    """Score, count and present of groups of pairs, by ascending score.

    Each pair by itself, but for the lowest of very many: those are binned by score. A block is in
    memory at a time, and the pairs that are taken by themselves.
    """
    total, lowest, highest, cut = _surveyed(blocks)
    if not (total and np.isfinite([lowest, highest]).all()):
        none = np.empty(0)
        return ScoreGroups(none, none, none, lowest=lowest, highest=highest)
    if total <= _ALONE:
        taken = _sorted(*_taken(blocks, lowest))
        return ScoreGroups(*taken, lowest=lowest, highest=highest)
    high, below = _sorted(*_taken(blocks, cut)), _binned(blocks, lowest, cut)
    value, count, hits = (np.concatenate(pair) for pair in zip(below, high, strict=True))
    return ScoreGroups(value, count, hits, lowest=lowest, highest=highest)


def _surveyed(blocks: Blocks) -> tuple[int, Any, Any, Any]:
    """Count, lowest and highest of all scores, and the lowest of the _ALONE highest."""
    total, lowest, highest = 0, 0.0, 0.0
    top: Floats = np.empty(0)
    for value in (score.ravel() for score, _ in blocks if score.size):
        if not total:
            lowest, highest, top = value[0], value[0], value[:0]
        lowest = np.minimum(lowest, value.min())  # of what holds NaN it is NaN
        highest = np.maximum(highest, value.max())
        kept = value if total < _ALONE else value[value >= top.min()]
        top = np.concatenate([top, kept])
        total += len(value)
        if len(top) > _ALONE:
            top = np.partition(top, len(top) - _ALONE)[len(top) - _ALONE :]
    return total, lowest, highest, top.min(initial=highest)


def _taken(blocks: Blocks, least: Any) -> tuple[Floats, Flags]:
    """Scores from one up, with what is present."""
    kept = [(score[own], hits[own]) for score, hits in blocks if (own := score >= least).any()]
    scores, present = zip(*kept, strict=True)
    return np.concatenate(scores), np.concatenate(present)


def _sorted(value: Floats, hits: Flags) -> tuple[Floats, Floats, Floats]:
    order = np.argsort(value, kind="stable")
    return value[order].astype(np.float64), np.ones(len(order)), hits[order].astype(np.float64)


def _binned(blocks: Blocks, lowest: Any, cut: Any) -> tuple[Floats, Floats, Floats]:
    """Bins of equal width below a score that hold anything."""
    count, present, total = np.zeros(_BINS, np.int64), np.zeros(_BINS, np.int64), np.zeros(_BINS)
    highest = max((score[score < cut].max(initial=lowest) for score, _ in blocks), default=lowest)
    width = max(float(highest - lowest), 1e-9) / _BINS
    for score, hits in blocks:
        own = score < cut
        value = score[own]
        place = np.minimum(((value - lowest) / width).astype(np.int32), _BINS - 1)
        count += np.bincount(place, minlength=_BINS)
        present += np.bincount(place[hits[own]], minlength=_BINS)
        np.add.at(total, place, value)
    held = count > 0
    return total[held] / count[held], count[held].astype(np.float64), present[held].astype(float)


def platt_knots(score: Floats, present: Flags) -> tuple[Floats, Floats]:
    """The logistic curve of pairs in memory; see `platt_curve`."""
    return platt_curve(grouped([(score, present)]))


def platt_curve(groups: ScoreGroups) -> tuple[Floats, Floats]:
    """The logistic curve as knots of a piecewise linear one: scores and probabilities."""
    slope, intercept = platt(groups)
    knots = np.linspace(groups.lowest, groups.highest, _KNOTS)
    return knots, 1 / (1 + np.exp(-np.clip(slope * knots + intercept, -30, 30)))


def isotonic_knots(score: Floats, present: Flags) -> tuple[Floats, Floats]:
    """The non-decreasing curve of pairs in memory; see `isotonic_curve`."""
    return isotonic_curve(grouped([(score, present)]))


def isotonic_curve(groups: ScoreGroups) -> tuple[Floats, Floats]:
    """The non-decreasing curve nearest to the data (Zadrozny and Elkan 2002), as knots.

    Pool adjacent violators. The highest block is drawn towards 1/2 by one more of each kind
    as far as the one below allows, so that a few lucky windows make nothing certain.
    """
    blocks: list[tuple[float, float, float]] = []  # sum of scores, count, present
    columns = (column.tolist() for column in groups[:3])
    for value, number, hits in zip(*columns, strict=True):
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
    return float(log_losses(probability, present).mean())


def log_losses(probability: Floats, present: Flags) -> Floats:
    """-log P(what was the case) of each pair."""
    right = np.where(present, probability, 1 - probability)
    losses: Floats = -np.log(np.maximum(right, 1e-6))
    return losses


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
