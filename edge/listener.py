"""The pipeline: blocks -> windows -> gate -> encoder -> search -> confirmation -> detections."""

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from itertools import islice

import numpy as np
import numpy.typing as npt

from edge import clock
from edge.contract.audio import AudioSpec
from edge.decision.confirm import Confirmed, Confirmer, Hit
from edge.decision.rules import Decision
from edge.detection import Candidate, Detection, Extension, Picture, Record, Rejection
from edge.hearing import Heard, Hearing
from edge.source.block import Block
from edge.source.framing import Window, frame_blocks

_TOP = 5
_PICTURES = 3
_BATCH = 8
UNCALIBRATED_THRESHOLD = 0.5
"""Cosine that a species must reach where the bundle ships no calibration."""


@dataclass(frozen=True)
class Origin:
    """Where the blocks come from."""

    source: str
    """Device name, file path or URL."""
    station: str
    live: bool
    """A live source has a wall-clock time; a file is worked off in batches."""


@dataclass
class Tally:
    """What a listener has heard so far."""

    windows: int = 0
    skipped: Counter[str] = field(default_factory=Counter)
    """Gated windows by reason."""
    clipped: int = 0
    """Lively windows that clip."""
    detections: int = 0
    species: set[str] = field(default_factory=set)

    def __str__(self) -> str:
        reasons = ", ".join(f"{name} {count}" for name, count in sorted(self.skipped.items()))
        skipped = f", skipped {self.skipped.total()} ({reasons})" if self.skipped else ""
        clipped = f", {self.clipped} clipped: lower the gain" if self.clipped else ""
        return (
            f"{self.windows} windows heard{skipped}{clipped}, "
            f"{self.detections} detections of {len(self.species)} species"
        )


class Listener:
    """Listens to sources with one bundle.

    Args:
        hearing: the bundle, ready to hear.
        decision: when a species is reported.
    """

    def __init__(self, hearing: Hearing, decision: Decision | None = None) -> None:
        self._decision, spec = decision or Decision(), hearing.bundle.manifest.audio
        hop = self._decision.hop_samples or spec.hop_samples
        self._spec: AudioSpec = replace(spec, hop_samples=hop)
        self._hearing = hearing
        self._species = hearing.species
        self._thresholds = _thresholds(hearing, self._decision)
        self.tally = Tally()

    def listen(self, blocks: Iterable[Block], origin: Origin) -> Iterator[Record]:
        """Yield a detection as soon as it is confirmed, then how it goes on, and what failed.

        Raises:
            BirdlistenError: whatever the blocks raise; records yielded before stay valid.
        """
        confirmer = self._confirmer()
        windows, newest = frame_blocks(blocks, self._spec), 0
        going_on: dict[int, str] = {}
        for window, heard, newest in self._heard(windows, 1 if origin.live else _BATCH):
            passed = self._passed(heard) if heard else {}
            confirmed = confirmer.update(window.start_sample, passed)
            yield from self._extensions(confirmer, going_on, passed, confirmed)
            for one in confirmed:
                found = self._report(one, origin, newest)
                going_on[one.species] = found.id
                yield found
            yield from self._rejections(confirmer, origin, newest)
        for one in confirmer.finish():
            yield self._report(one, origin, one.end_sample)
        yield from self._rejections(confirmer, origin, newest)

    def _confirmer(self) -> Confirmer[Heard]:
        rules = self._decision.overrides
        found = ((n, rules.get(one.species_id)) for n, one in enumerate(self._species))
        cautions = {n: one.caution for n, one in found if one and one.caution is not None}
        return Confirmer(self._spec, self._decision.caution, cautions)

    def _extensions(
        self,
        confirmer: Confirmer[Heard],
        going_on: dict[int, str],
        passed: Iterable[int],
        begun: list[Confirmed[Heard]],
    ) -> Iterator[Extension]:
        """Of detections reported before and heard again."""
        new = {one.species for one in begun}
        for species in passed:
            run = None if species in new else confirmer.extent(species)
            if run is not None:
                end_s = round(run.end_sample / self._spec.sample_rate_hz, 3)
                yield Extension(going_on[species], end_s, run.hits)

    def _rejections(
        self, confirmer: Confirmer[Heard], origin: Origin, newest: int
    ) -> Iterator[Rejection]:
        for one in confirmer.take_failed():
            reason = f"passed in {one.hits} of the {one.hits_needed} windows needed"
            yield Rejection(self._detection(one, origin, newest), reason)

    def _report(self, one: Confirmed[Heard], origin: Origin, newest: int) -> Detection:
        self.tally.detections += 1
        self.tally.species.add(self._species[one.species].species_id)
        return self._detection(one, origin, newest)

    def _heard(
        self, windows: Iterator[Window], batch: int
    ) -> Iterator[tuple[Window, Heard | None, int]]:
        while chunk := list(islice(windows, batch)):
            admitted = [self._admit(window) for window in chunk]
            loud = [window for window, let_in in zip(chunk, admitted, strict=True) if let_in]
            heard = iter(self._hearing.hear(loud) if loud else ())
            newest = chunk[-1].start_sample + self._spec.window_samples
            for window, let_in in zip(chunk, admitted, strict=True):
                yield window, next(heard) if let_in else None, newest

    def _admit(self, window: Window) -> bool:
        verdict = self._hearing.judge(window)
        self.tally.windows += 1
        if verdict.reason:
            self.tally.skipped[verdict.reason] += 1
        elif verdict.clipped:
            self.tally.clipped += 1
        return verdict.reason is None

    def _passed(self, heard: Heard) -> dict[int, Hit[Heard]]:
        confidence = heard.confidence
        passing = np.flatnonzero(confidence >= self._thresholds)
        return {int(n): Hit(heard.start_sample, float(confidence[n]), heard) for n in passing}

    def _detection(self, one: Confirmed[Heard], origin: Origin, newest: int) -> Detection:
        heard, species = one.best.evidence, self._species[one.species]
        rate_hz, now_ms = self._spec.sample_rate_hz, clock.now_ms()
        age_ms = (newest - one.start_sample) * 1000 // rate_hz
        manifest = self._hearing.bundle.manifest
        return Detection(
            id=clock.uuid7(now_ms),
            station=origin.station,
            detected_at=clock.iso_utc(now_ms - age_ms) if origin.live else None,
            time_zone=clock.time_zone(),
            clock_synchronised=clock.synchronised(),
            start_s=round(one.start_sample / rate_hz, 3),
            end_s=round(one.end_sample / rate_hz, 3),
            source=origin.source,
            species_id=species.species_id,
            scientific_name=species.scientific_name,
            common_name=species.common_name,
            probability=_probability(heard, one.species),
            score=round(float(heard.score[one.species]), 4),
            similarity=round(float(heard.similarity[one.species]), 4),
            hits=one.hits,
            hits_needed=one.hits_needed,
            pictures=tuple(pictures(self._hearing, heard, one.species)),
            top=tuple(candidates(self._hearing, heard, _TOP)),
            clip=None,
            model_id=manifest.model_id,
            bundle=manifest.name,
            precision=self._hearing.precision,
            provider=self._hearing.provider,
        )


def pictures(hearing: Hearing, heard: Heard, species: int) -> Iterator[Picture]:
    """The nearest pictures of a species with their credits."""
    for row, similarity in hearing.nearest(heard, species, _PICTURES):
        file = f"pictures/{row.picture}" if row.picture else None
        yield Picture(file, row.url or None, row.author, row.licence, round(similarity, 4))


def candidates(hearing: Hearing, heard: Heard, count: int) -> Iterator[Candidate]:
    """The best species of a window, winner included."""
    species = hearing.species
    for n in np.argsort(-heard.score, kind="stable")[:count]:
        yield Candidate(
            species[n].scientific_name,
            species[n].common_name,
            round(float(heard.score[n]), 4),
            _probability(heard, int(n)),
        )


def _probability(heard: Heard, species: int) -> float | None:
    return None if heard.probability is None else round(float(heard.probability[species]), 4)


def _thresholds(hearing: Hearing, decision: Decision) -> npt.NDArray[np.float64]:
    """float64[species]."""
    known = hearing.calibration
    common = decision.threshold
    if common is None:
        common = known.threshold if known else UNCALIBRATED_THRESHOLD
    rules = [decision.overrides.get(one.species_id) for one in hearing.species]
    own = [one.threshold if one else None for one in rules]
    return np.array([common if one is None else one for one in own], dtype=np.float64)
