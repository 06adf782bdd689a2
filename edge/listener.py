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
from edge.detection import Candidate, Detection, Evidence, Extension, Picture, Record, Rejection
from edge.gate import Gate, GateVerdict
from edge.hearing import Heard, Hearing
from edge.source.block import Block
from edge.source.framing import Window, frame_blocks

_TOP = 5
_PICTURES = 3
_BATCH = 8
_NEARLY = 0.67
"""Share of its threshold with which a species is there already, or still, beside a hit."""
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
        gate = Gate(self._spec)
        for window, heard, newest in self._heard(windows, gate, 1 if origin.live else _BATCH):
            passed = self._passed(heard) if heard else {}
            near = self._reaching(heard, _NEARLY) if heard else []
            confirmed = confirmer.update(window.start_sample, passed, near)
            yield from self._extensions(confirmer, going_on, near, confirmed)
            for one in confirmed:
                found = self._report(one, origin, newest)
                going_on[one.species] = found.id
                yield from (found, _evidence(found, one))
            yield from self._rejections(confirmer, origin, newest)
        lasting = {n: confirmer.extent(n) for n in going_on}
        for one in confirmer.finish():
            found = self._report(one, origin, newest, ended=True)
            yield from (found, _evidence(found, one))
        for species, run in lasting.items():
            if run is not None and run.end_sample == newest:
                yield Extension(going_on[species], self._seconds(newest), run.hits)
        yield from self._rejections(confirmer, origin, newest)

    def quiet(self, blocks: Iterable[Block]) -> Iterator[Heard]:
        """The windows that are heard, and in which no species passes."""
        for _, heard, _ in self._heard(frame_blocks(blocks, self._spec), Gate(self._spec), 1):
            if heard is not None and not self._passed(heard):
                yield heard

    def _confirmer(self) -> Confirmer[Heard]:
        rules = self._decision.overrides
        found = ((n, rules.get(one.species_id)) for n, one in enumerate(self._species))
        cautions = {n: one.caution for n, one in found if one and one.caution is not None}
        return Confirmer(self._spec, self._decision.caution, cautions)

    def _extensions(
        self,
        confirmer: Confirmer[Heard],
        going_on: dict[int, str],
        near: Iterable[int],
        begun: list[Confirmed[Heard]],
    ) -> Iterator[Extension]:
        """Of detections reported before and heard again."""
        new = {one.species for one in begun}
        for species in near:
            run = None if species in new else confirmer.extent(species)
            if run is not None:
                end_s = self._seconds(run.offset_sample(self._spec))
                yield Extension(going_on[species], end_s, run.hits)

    def _rejections(
        self, confirmer: Confirmer[Heard], origin: Origin, newest: int
    ) -> Iterator[Rejection | Evidence]:
        for one in confirmer.take_failed():
            reason = f"passed in {one.hits} of the {one.hits_needed} windows needed"
            candidate = self._detection(one, origin, newest)
            yield from (Rejection(candidate, reason), _evidence(candidate, one))

    def _report(
        self, one: Confirmed[Heard], origin: Origin, newest: int, ended: bool = False
    ) -> Detection:
        self.tally.detections += 1
        self.tally.species.add(self._species[one.species].species_id)
        return self._detection(one, origin, newest, ended)

    def _seconds(self, samples: int) -> float:
        return round(samples / self._spec.sample_rate_hz, 3)

    def _heard(
        self, windows: Iterator[Window], gate: Gate, batch: int
    ) -> Iterator[tuple[Window, Heard | None, int]]:
        while chunk := list(islice(windows, batch)):
            self._hearing.refresh()
            admitted = [self._admit(gate.judge(window.samples)) for window in chunk]
            loud = [window for window, let_in in zip(chunk, admitted, strict=True) if let_in]
            heard = iter(self._hearing.hear(loud) if loud else ())
            newest = chunk[-1].start_sample + self._spec.window_samples
            for window, let_in in zip(chunk, admitted, strict=True):
                yield window, self._trusted(next(heard)) if let_in else None, newest

    def _admit(self, verdict: GateVerdict) -> bool:
        self.tally.windows += 1
        if verdict.reason:
            self.tally.skipped[verdict.reason] += 1
        elif verdict.clipped:
            self.tally.clipped += 1
        return verdict.reason is None

    def _trusted(self, heard: Heard) -> Heard | None:
        """None if it sounds like what a person has rejected here."""
        if heard.rejected:
            self.tally.skipped["rejected before"] += 1
        return None if heard.rejected else heard

    def _passed(self, heard: Heard) -> dict[int, Hit[Heard]]:
        sure = heard.confidence
        passing = self._reaching(heard, 1.0)
        return {n: Hit(heard.start_sample, float(sure[n]), heard) for n in passing}

    def _reaching(self, heard: Heard, share: float) -> list[int]:
        """The species that reach a share of their threshold."""
        return np.flatnonzero(heard.confidence >= share * self._thresholds).tolist()

    def _detection(
        self, one: Confirmed[Heard], origin: Origin, newest: int, ended: bool = False
    ) -> Detection:
        heard, species = one.best.evidence, self._species[one.species]
        onset, now_ms = one.onset_sample(self._spec), clock.now_ms()
        offset = one.offset_sample(self._spec, newest if ended else None)
        age_ms = (newest - onset) * 1000 // self._spec.sample_rate_hz
        manifest = self._hearing.bundle.manifest
        return Detection(
            id=clock.uuid7(now_ms),
            station=origin.station,
            detected_at=clock.iso_utc(now_ms - age_ms) if origin.live else None,
            time_zone=clock.time_zone(),
            clock_synchronised=clock.synchronised(),
            start_s=self._seconds(onset),
            end_s=self._seconds(offset),
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


def _evidence(found: Detection, one: Confirmed[Heard]) -> Evidence:
    return Evidence(found.id, one.best.evidence.embedding.astype(np.float16))


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
