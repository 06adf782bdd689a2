"""From scores to probabilities, and to the threshold at which a listener reports."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np

from edge.contract.arrays import Flags, Floats
from edge.contract.calibration import Calibration
from edge.contract.errors import BundleError
from gallery.calibration.fit import (
    ScoreGroups,
    grouped,
    isotonic_curve,
    log_losses,
    platt,
    platt_curve,
)
from gallery.calibration.hits import Hits
from gallery.calibration.scored_windows import ScoredWindows, WindowBlocks

CANDIDATES = np.linspace(0.3, 0.99, 139)
"""Thresholds that are tried."""
FREE = 0.02
"""Share of what was reported rightly that a margin of the threshold may cost."""


@dataclass(frozen=True)
class ThresholdLimits:
    """Limits of the default threshold."""

    right: float = 5 / 6
    """Share of what is reported among birds that must be right, at least."""
    false_per_hour: float = 1.0
    """False matches an hour of background, at most."""
    strangers: float = 0.05
    """Share of the recordings of other species that are reported as one of the set, at most."""


_USUAL = ThresholdLimits()
Curve = Callable[[ScoreGroups], tuple[Floats, Floats]]


def fit_calibration(windows: WindowBlocks, limits: ThresholdLimits = _USUAL) -> Calibration:
    """The curve of all windows, and the threshold of those without mixtures; see `fit`."""
    return fit(windows, limits)[0]


def fit(windows: WindowBlocks, limits: ThresholdLimits = _USUAL) -> tuple[Calibration, Hits]:
    """The same, and the hits of the windows without mixtures.

    Of Platt's curve and the isotonic one it takes that which foretells the takes better that it was
    not fitted on.

    Args:
        windows: scored; a block of them is in memory at a time.
        limits: of the threshold.

    Raises:
        BundleError: the scores aren't finite, or higher ones are not more often right.
    """
    whole = grouped(_Audible(windows))
    if not whole.is_finite:
        raise BundleError("calibration: a score is NaN or infinite; export the encoder again")
    if whole.is_of_one_kind:
        raise BundleError("calibration: needs recordings of two species at least; add some")
    if platt(whole)[0] <= 0:
        raise BundleError("calibration: higher scores are not more often right; train longer")
    halves = [_Half.of(windows, number) for number in (0, 1)]
    curve = min((platt_curve, isotonic_curve), key=lambda curve: _held_out_loss(curve, halves))
    scores, probabilities = curve(whole)
    mapped = Calibration(tuple(map(float, scores)), tuple(map(float, probabilities)), 0.0)
    hits = Hits.of(_mapped(mapped, windows), float(CANDIDATES[0]))
    return replace(mapped, threshold=lowest_threshold(hits, limits)), hits


def _mapped(
    calibration: Calibration, windows: WindowBlocks
) -> Iterator[tuple[Floats, ScoredWindows]]:
    """Windows that are no mixtures, with their probabilities."""
    for block in windows.blocks():
        single = block.alone()
        yield calibration.probability(single.score), single


@dataclass(frozen=True)
class _Audible:
    """Scores of the windows that the gate lets pass, with what is present, block by block."""

    windows: WindowBlocks
    half: int | None = None
    """Of takes whose number is even (0) or odd (1) alone."""

    def __iter__(self) -> Iterator[tuple[Floats, Flags]]:
        for block in self.windows.blocks():
            kept = block.audible
            if self.half is not None:
                kept = kept & (block.recording % 2 == self.half)
            yield block.score[kept], block.present[kept]


@dataclass(frozen=True)
class _Half:
    """Half of the takes."""

    pairs: _Audible
    groups: ScoreGroups

    @classmethod
    def of(cls, windows: WindowBlocks, number: int) -> "_Half":
        """Those of an even or an odd number."""
        pairs = _Audible(windows, number)
        return cls(pairs, grouped(pairs))

    def loss(self, scores: Floats, probabilities: Floats) -> float:
        """Mean log loss of a curve on it."""
        total, count = 0.0, 0
        for score, present in self.pairs:
            total += float(log_losses(np.interp(score, scores, probabilities), present).sum())
            count += score.size
        return total / count


def _held_out_loss(curve: Curve, halves: Sequence[_Half]) -> float:
    """Log loss on either half of the takes, fitted on the other."""
    losses = []
    for fitted, tested in (halves, halves[::-1]):
        if fitted.groups.is_of_one_kind or not len(tested.groups.value):
            return 0.0 if curve is platt_curve else 1.0  # too few takes to compare
        losses.append(tested.loss(*curve(fitted.groups)))
    return sum(losses)


def false_matches(probability: Floats, windows: ScoredWindows, threshold: float) -> int:
    """Count of wrong species that the listener's confirmation would report, take by take."""
    return Hits.of([(probability, windows)], threshold).false_matches(threshold)


def true_matches(probability: Floats, windows: ScoredWindows, threshold: float) -> tuple[int, int]:
    """Counts of takes of birds: reported right by the listener's confirmation, and all."""
    return Hits.of([(probability, windows)], threshold).true_matches(threshold)


def misled(probability: Floats, windows: ScoredWindows, threshold: float) -> float:
    """Share of the takes of strangers that are reported as some species."""
    hits = Hits.of([(probability, windows)], threshold)
    return hits.part(hits.strangers).misled(threshold)


def choose_threshold(
    probability: Floats, windows: ScoredWindows, limits: ThresholdLimits = _USUAL
) -> float:
    """The threshold of windows with their probabilities; see `lowest_threshold`."""
    return lowest_threshold(Hits.of([(probability, windows)], float(CANDIDATES[0])), limits)


def lowest_threshold(hits: Hits, limits: ThresholdLimits = _USUAL) -> float:
    """The lowest threshold with few false matches an hour of background, and few among birds.

    Of what is reported of recordings of birds a large share must be right: where birds sing,
    another bird is the commonest error, and whoever reads too many wrong records reads no more.
    Of recordings of species outside the set few may be reported as one in it: a limit by itself,
    for there may be any number of them. No
    site sounds as the calibration does: the threshold is raised beyond that as long as it costs at
    most FREE of what was reported rightly.

    Args:
        hits: at the lowest candidate, or more.
        limits: to be kept to.
    """
    strange = hits.strangers
    background, strangers = hits.part(hits.background), hits.part(strange)
    birds = hits.part(~hits.background & ~strange)
    allowed: dict[float, int] = {}
    for threshold in map(float, CANDIDATES):
        if background.false_matches(threshold) > limits.false_per_hour * background.hours:
            continue
        right, wrong = birds.true_matches(threshold)[0], birds.false_matches(threshold)
        share = strangers.misled(threshold)
        if right >= limits.right * (right + wrong) and share <= limits.strangers:
            allowed[threshold] = right
    return _shyest(allowed) if allowed else float(CANDIDATES[-1])


def _shyest(right: dict[float, int]) -> float:
    """The highest threshold that costs next to nothing; the lowest if nothing is right anyway."""
    lowest = min(right)
    if not right[lowest]:
        return lowest
    return max(
        threshold for threshold, found in right.items() if found >= (1 - FREE) * right[lowest]
    )
