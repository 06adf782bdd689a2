"""From scores to probabilities, and to the threshold at which a listener reports."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np

from edge.contract.arrays import Flags, Float32s, Floats, Places
from edge.contract.audio_spec import AudioSpec
from edge.contract.calibration import Calibration
from edge.contract.errors import BundleError
from edge.decision.confirm import Confirmer, Hit
from gallery.calibration.fit import fit_platt, isotonic_knots, log_loss, platt_knots

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


@dataclass(frozen=True, kw_only=True)
class ScoredWindows:
    """Every window of every take."""

    score: Float32s
    """float32[windows, species], what is mapped to a probability."""
    present: Flags
    """bool[windows, species]: the species sings in the take."""
    recording: Places
    """int[windows], ascending."""
    mixed: Flags
    """bool[windows]: of a take with two birds."""
    background: Flags
    """bool[windows]: of a take without a bird."""
    audible: Flags
    """bool[windows]: the gate lets it pass."""
    start: Places
    """int[windows], samples since the take's start."""
    spec: AudioSpec

    @property
    def strangers(self) -> Flags:
        """bool[windows]: of a take of birds that are none of the species."""
        of_some = np.unique(self.recording[self.present.any(axis=1)])
        found: Flags = ~self.background & ~np.isin(self.recording, of_some)
        return found

    @property
    def hours(self) -> float:
        """Length of the takes."""
        hop, window = self.spec.hop_samples, self.spec.window_samples
        samples = len(self.recording) * hop + len(np.unique(self.recording)) * (window - hop)
        return samples / self.spec.sample_rate_hz / 3600

    def alone(self) -> "ScoredWindows":
        """Without the mixtures."""
        return self.part(~self.mixed)

    def part(self, kept: Flags) -> "ScoredWindows":
        """Some of the windows; bool[windows]."""
        return ScoredWindows(
            score=self.score[kept],
            present=self.present[kept],
            recording=self.recording[kept],
            mixed=self.mixed[kept],
            background=self.background[kept],
            audible=self.audible[kept],
            start=self.start[kept],
            spec=self.spec,
        )

    @classmethod
    def joined(cls, parts: Sequence["ScoredWindows"]) -> "ScoredWindows":
        """All windows; takes are numbered on from part to part."""
        parts = [part for part in parts if len(part.recording)]
        firsts = np.cumsum([0, *(part.recording[-1] + 1 for part in parts[:-1])])
        recordings = [part.recording + first for part, first in zip(parts, firsts, strict=True)]
        return cls(
            score=np.concatenate([part.score for part in parts]),
            present=np.concatenate([part.present for part in parts]),
            recording=np.concatenate(recordings),
            mixed=np.concatenate([part.mixed for part in parts]),
            background=np.concatenate([part.background for part in parts]),
            audible=np.concatenate([part.audible for part in parts]),
            start=np.concatenate([part.start for part in parts]),
            spec=parts[0].spec,
        )


def fit_calibration(windows: ScoredWindows, limits: ThresholdLimits = _USUAL) -> Calibration:
    """The curve of all windows, and the threshold of those without mixtures.

    Of Platt's curve and the isotonic one it takes that which foretells the takes better that it was
    not fitted on.

    Args:
        windows: scored.
        limits: of the threshold.

    Raises:
        BundleError: the scores aren't finite, or higher ones are not more often right.
    """
    whole, windows = windows, windows.part(windows.audible)
    if not np.isfinite(windows.score).all():
        raise BundleError("calibration: a score is NaN or infinite; export the encoder again")
    if windows.present.all() or not windows.present.any():
        raise BundleError("calibration: needs recordings of two species at least; add some")
    if fit_platt(windows.score, windows.present)[0] <= 0:
        raise BundleError("calibration: higher scores are not more often right; train longer")
    fit = min((platt_knots, isotonic_knots), key=lambda knots: held_out_loss(knots, windows))
    scores, probabilities = fit(windows.score, windows.present)
    mapped = Calibration(tuple(map(float, scores)), tuple(map(float, probabilities)), 0.0)
    single = whole.alone()
    probability = mapped.probability(single.score)
    return replace(mapped, threshold=choose_threshold(probability, single, limits))


def held_out_loss(fit: Callable[..., tuple[Floats, Floats]], windows: ScoredWindows) -> float:
    """Log loss on either half of the takes, fitted on the other."""
    even, losses = windows.recording % 2 == 0, []
    for half in (even, ~even):
        if not windows.present[half].any() or windows.present[half].all() or half.all():
            return 0.0 if fit is platt_knots else 1.0  # too few takes to compare
        scores, probabilities = fit(windows.score[half], windows.present[half])
        probability = np.interp(windows.score[~half], scores, probabilities)
        losses.append(log_loss(probability, windows.present[~half]))
    return sum(losses)


def false_matches(probability: Floats, windows: ScoredWindows, threshold: float) -> int:
    """Count of wrong species that the listener's confirmation would report, take by take."""
    wrong = (probability >= threshold) & ~windows.present & windows.audible[:, None]
    return sum(count for _, count in _takes(wrong, windows))


def misled(probability: Floats, windows: ScoredWindows, threshold: float) -> float:
    """Share of the takes of strangers that are reported as some species."""
    strangers = windows.part(windows.strangers)
    if not len(strangers.recording):
        return 0.0
    passing = (probability[windows.strangers] >= threshold) & strangers.audible[:, None]
    reported = sum(count > 0 for _, count in _takes(passing, strangers))
    return reported / len(np.unique(strangers.recording))


def choose_threshold(
    probability: Floats,
    windows: ScoredWindows,
    limits: ThresholdLimits = _USUAL,
) -> float:
    """The lowest threshold with few false matches an hour of background, and few among birds.

    Of what is reported of recordings of birds a large share must be right: where birds sing,
    another bird is the commonest error, and whoever reads too many wrong records reads no more.
    Of recordings of species outside the set few may be reported as one in it: a limit by itself,
    for there may be any number of them. No
    site sounds as the calibration does: the threshold is raised beyond that as long as it costs at
    most FREE of what was reported rightly.
    """
    # Most of thousands of species pass nowhere at any threshold.
    ever = (probability >= CANDIDATES[0]).any(axis=0) | windows.present.any(axis=0)
    probability = probability[:, ever]
    windows = replace(windows, score=windows.score[:, ever], present=windows.present[:, ever])
    background, strange = windows.part(windows.background), windows.strangers
    strangers, known = windows.part(strange), ~windows.background & ~strange
    birds, chance = windows.part(known), probability[known]
    allowed: dict[float, int] = {}
    for threshold in map(float, CANDIDATES):
        if false_matches(probability[windows.background], background, threshold) > (
            limits.false_per_hour * background.hours
        ):
            continue
        right, wrong = (
            true_matches(chance, birds, threshold)[0],
            false_matches(chance, birds, threshold),
        )
        share = misled(probability[strange], strangers, threshold)
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


def _takes(passing: Flags, windows: ScoredWindows) -> Iterator[tuple[int, int]]:
    """Takes in which anything passes, and how many matches there are in each."""
    for recording in np.unique(windows.recording[passing.any(axis=1)]):
        own = windows.recording == recording
        yield int(recording), matches(passing[own], windows.start[own], windows.spec)


def matches(passing: Flags, starts: Places, spec: AudioSpec) -> int:
    """Matches in one take, bool[windows, species], whose windows begin at int[windows]."""
    confirmer: Confirmer[None] = Confirmer(spec)
    count = 0
    for start, row in zip(starts.tolist(), passing, strict=True):
        hits = {int(species): Hit(start, 1.0, None) for species in np.flatnonzero(row)}
        count += len(confirmer.update(start, hits))
    return count + len(confirmer.finish())


def true_matches(probability: Floats, windows: ScoredWindows, threshold: float) -> tuple[int, int]:
    """Counts of takes of birds: reported right by the listener's confirmation, and all."""
    right = (probability >= threshold) & windows.present & windows.audible[:, None]
    recordings = np.unique(windows.recording[windows.present.any(axis=1)])
    found = sum(count > 0 for _, count in _takes(right, windows))
    return found, len(recordings)
