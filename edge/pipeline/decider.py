"""Decider of one source: the species that pass in a window, and those confirmed by it."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from edge.contract.arrays import Flags, Float64s, Floats
from edge.contract.audio_spec import AudioSpec
from edge.contract.calibration import Calibration
from edge.contract.taxonomy import Species
from edge.decision.confirm import Confirmed, Confirmer, Hit
from edge.decision.rules import Decision
from edge.recognition.doubts import default_threshold
from edge.recognition.recognizer import WindowScores
from edge.source.framing import Window

_NEARLY = 0.67
"""Share of its threshold with which a species is there already, or still, beside a hit."""
Run = Confirmed[WindowScores]


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """Runs of windows that one window, or the end of the source, decides."""

    spec: AudioSpec
    """Rate, window and hop in use."""
    extended: list[Run]
    """Confirmed before, and going on."""
    confirmed: list[Run]
    outvoted: list[Run]
    """Would be confirmed, had no species outside the chosen ones been nearer."""
    failed: list[Run]
    """Ended with too few hits."""


@dataclass(frozen=True)
class Passing:
    """Species that pass in a window, by their place in the score fields."""

    passed: dict[int, Hit[WindowScores]]
    """Those that reach their threshold, if nobody outside them is nearer."""
    outvoted: dict[int, Hit[WindowScores]]
    """Those that reach it where a species that isn't listened for is nearer."""
    near: list[int]
    """Those that come near to it."""


class Thresholds:
    """Thresholds of all species: they judge which pass in a window.

    Args:
        species: in the order of the score fields.
        decision: a threshold for all, and those of single species.
        calibration: gives the threshold that the decision leaves open.
    """

    def __init__(
        self, species: Sequence[Species], decision: Decision, calibration: Calibration | None
    ) -> None:
        common = decision.threshold
        if common is None:
            common = default_threshold(calibration)
        rules = [decision.overrides.get(bird.species_id) for bird in species]
        own = [
            common if rule is None or rule.threshold is None else rule.threshold for rule in rules
        ]
        self._thresholds: Float64s = np.array(own, np.float64)

    def reached(self, confidence: Floats) -> Flags:
        """True of the species that reach their threshold, bool[..., species]."""
        return np.asarray(confidence >= self._thresholds)

    def judge(self, scores: WindowScores | None) -> Passing:
        """The species that pass in a window; none without scores."""
        if scores is None:
            return Passing({}, {}, [])
        sure = scores.confidence
        passing = np.flatnonzero(sure >= self._thresholds).tolist()
        hits = {n: Hit(scores.start_sample, float(sure[n]), scores) for n in passing}
        if scores.rival:
            return Passing({}, hits, [])
        return Passing(hits, {}, np.flatnonzero(sure >= _NEARLY * self._thresholds).tolist())


class Decider:
    """Confirms species over the windows of one source.

    Args:
        species: in the order of the score fields.
        decision: the caution for all, and those of single species.
        thresholds: which species pass.
        spec: rate, window and hop in use.
    """

    def __init__(
        self,
        species: Sequence[Species],
        decision: Decision,
        thresholds: Thresholds,
        spec: AudioSpec,
    ) -> None:
        rules = {n: decision.overrides.get(bird.species_id) for n, bird in enumerate(species)}
        cautions = {
            n: rule.caution for n, rule in rules.items() if rule and rule.caution is not None
        }
        self._thresholds, self._spec = thresholds, spec
        self._confirmer = Confirmer[WindowScores](spec, decision.caution, cautions)
        self._outvoted = Confirmer[WindowScores](spec, decision.caution, cautions)

    def update(self, window: Window, scores: WindowScores | None) -> Outcome:
        """Take the next window; its scores are None if the gate, or a person, is against it."""
        self._follow_hop(window.hop_samples)
        start, end, judged = window.start_sample, window.end_sample, self._thresholds.judge(scores)
        confirmed = self._confirmer.update(start, judged.passed, judged.near, end)
        extended = self._confirmer.extents(judged.near)
        failed = self._confirmer.take_failed()
        outvoted = self._outvoted.update(start, judged.outvoted, end_sample=end)
        self._outvoted.take_failed()
        new = {run.species for run in confirmed}
        return Outcome(
            spec=self._spec,
            extended=[run for run in extended if run.species not in new],
            confirmed=confirmed,
            outvoted=outvoted,
            failed=failed,
        )

    def open_runs(self) -> list[tuple[Run, bool]]:
        """Runs of what is heard at this moment; True of those confirmed already."""
        return self._confirmer.open_runs()

    def finish(self) -> Outcome:
        """The source has ended: the confirmed that last to its end, and what else it decides."""
        extended, confirmed = self._confirmer.lasting(), self._confirmer.finish()
        return Outcome(
            spec=self._spec,
            extended=extended,
            confirmed=confirmed,
            outvoted=self._outvoted.finish(),
            failed=self._confirmer.take_failed(),
        )

    def _follow_hop(self, hop_samples: int | None) -> None:
        if hop_samples is None or hop_samples == self._spec.hop_samples:
            return
        self._spec = replace(self._spec, hop_samples=hop_samples)
        for confirmer in (self._confirmer, self._outvoted):
            confirmer.hop(self._spec)
