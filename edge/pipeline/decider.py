"""Decider of one source: which species pass in a window, and which are confirmed by it."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from edge.contract.arrays import Float64s
from edge.contract.audio import AudioSpec
from edge.contract.calibration import Calibration
from edge.contract.taxonomy import Species
from edge.decision.confirm import Confirmed, Confirmer, Hit
from edge.decision.rules import Decision
from edge.recognition.recognizer import WindowScores
from edge.source.framing import Window

_NEARLY = 0.67
"""Share of its threshold with which a species is there already, or still, beside a hit."""
UNCALIBRATED_THRESHOLD = 0.5
"""Cosine that a species must reach where the bundle ships no calibration."""
Run = Confirmed[WindowScores]


@dataclass(frozen=True)
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


class Thresholds:
    """Which species pass in a window.

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
            common = calibration.threshold if calibration else UNCALIBRATED_THRESHOLD
        rules = [decision.overrides.get(bird.species_id) for bird in species]
        own = [
            common if rule is None or rule.threshold is None else rule.threshold for rule in rules
        ]
        self._thresholds: Float64s = np.array(own, np.float64)

    def passed(self, scores: WindowScores | None) -> dict[int, Hit[WindowScores]]:
        """The species that reach their threshold, if nobody outside them is nearer."""
        return {} if scores is None or scores.rival else self._hits(scores)

    def outvoted(self, scores: WindowScores | None) -> dict[int, Hit[WindowScores]]:
        """Those that reach it where a species that isn't listened for is nearer."""
        return self._hits(scores) if scores and scores.rival else {}

    def near(self, scores: WindowScores | None) -> list[int]:
        """Those that come near to it."""
        return [] if scores is None or scores.rival else self._reaching(scores, _NEARLY)

    def _hits(self, scores: WindowScores) -> dict[int, Hit[WindowScores]]:
        sure, passing = scores.confidence, self._reaching(scores, 1.0)
        return {n: Hit(scores.start_sample, float(sure[n]), scores) for n in passing}

    def _reaching(self, scores: WindowScores, share: float) -> list[int]:
        return np.flatnonzero(scores.confidence >= share * self._thresholds).tolist()


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
        self._reported: dict[int, None] = {}
        self._confirmer = Confirmer[WindowScores](spec, decision.caution, cautions)
        self._outvoted = Confirmer[WindowScores](spec, decision.caution, cautions)

    def update(self, window: Window, scores: WindowScores | None) -> Outcome:
        """Take the next window; its scores are None if the gate, or a person, is against it."""
        self._follow_hop(window.hop_samples)
        near = self._thresholds.near(scores)
        confirmed = self._confirmer.update(
            window.start_sample, self._thresholds.passed(scores), near
        )
        outvoted = self._outvoted.update(window.start_sample, self._thresholds.outvoted(scores))
        self._outvoted.take_failed()
        new = {run.species for run in confirmed}
        extended = self._extents([species for species in near if species not in new])
        self._reported |= dict.fromkeys(run.species for run in confirmed)
        failed = self._confirmer.take_failed()
        return Outcome(
            spec=self._spec,
            extended=extended,
            confirmed=confirmed,
            outvoted=outvoted,
            failed=failed,
        )

    def finish(self, newest: Window) -> Outcome:
        """The source has ended: the confirmed that last to its end, and what else it decides."""
        extents = self._extents(self._reported)
        lasting = [run for run in extents if run.end_sample == newest.end_sample]
        confirmed, outvoted = self._confirmer.finish(), self._outvoted.finish()
        failed = self._confirmer.take_failed()
        return Outcome(
            spec=self._spec, extended=lasting, confirmed=confirmed, outvoted=outvoted, failed=failed
        )

    def _extents(self, species: Iterable[int]) -> list[Run]:
        """The confirmed runs of some species that are still going on."""
        extents = (self._confirmer.extent(number) for number in species)
        return [run for run in extents if run is not None]

    def _follow_hop(self, hop_samples: int | None) -> None:
        if hop_samples is None or hop_samples == self._spec.hop_samples:
            return
        self._spec = replace(self._spec, hop_samples=hop_samples)
        for confirmer in (self._confirmer, self._outvoted):
            confirmer.hop(self._spec)
