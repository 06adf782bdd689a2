"""The pipeline: blocks -> windows -> gate -> encoder -> search -> confirmation -> records."""

import time
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from itertools import islice

import numpy as np
import numpy.typing as npt

from edge.clip.extractor import ClipExtractor
from edge.contract.audio import AudioSpec
from edge.decision.confirm import Confirmed, Confirmer, Hit
from edge.decision.rules import Decision
from edge.dsp.gate import Gate, GateVerdict
from edge.pipeline.builder import DetectionBuilder, Origin, evidence
from edge.pipeline.pace import Pace
from edge.recognition.recognizer import Recognizer, WindowScores
from edge.records.detection import Clip, Detection, Evidence, Extension, Record, Rejection
from edge.source.block import Block
from edge.source.framing import Window, frame_blocks

_BATCH = 8
_NEARLY = 0.67
"""Share of its threshold with which a species is there already, or still, beside a hit."""
UNCALIBRATED_THRESHOLD = 0.5
"""Cosine that a species must reach where the bundle ships no calibration."""


@dataclass
class Tally:
    """Tally of a listener so far."""

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
        recognizer: the bundle, ready to hear.
        decision: when a species is reported.
        max_cpu: share of a core that a live source may cost; None doesn't care.
    """

    def __init__(
        self, recognizer: Recognizer, decision: Decision | None = None, max_cpu: float | None = None
    ) -> None:
        self._decision, spec = decision or Decision(), recognizer.bundle.manifest.audio
        hop = self._decision.hop_samples or spec.hop_samples
        self.spec: AudioSpec = replace(spec, hop_samples=hop)
        """Rate, window and hop in use."""
        self._recognizer, self._max_cpu = recognizer, max_cpu
        self._species = recognizer.species
        self._thresholds = _thresholds(recognizer, self._decision)
        self.tally = Tally()

    def listen(
        self, blocks: Iterable[Block], origin: Origin, extractor: ClipExtractor | None = None
    ) -> Iterator[Record | Clip]:
        """Yield a detection as soon as it is confirmed, then how it goes on, and what failed.

        Args:
            blocks: the sound.
            origin: where it comes from.
            extractor: cuts clips of what is detected; None cuts none.

        Raises:
            BirdlistenError: whatever the blocks raise; records yielded before stay valid.
        """
        records = _Records(self, DetectionBuilder(self._recognizer, self.spec, origin))
        pace = Pace(self.spec, self._max_cpu)
        for window, scores in self._heard(blocks, pace if origin.live else None):
            if extractor:
                yield from extractor.add(window)
            for record in records.of(window, scores, pace.hop_samples):
                yield from _followed(record, extractor)
            if extractor:
                yield from extractor.due(window.end_sample)
        for record in records.last():
            yield from _followed(record, extractor)
        if extractor:
            yield from extractor.finish()

    def quiet(self, blocks: Iterable[Block]) -> Iterator[WindowScores]:
        """The windows that are heard, and in which no species passes."""
        for _, scores in self._heard(blocks, Pace(self.spec)):
            if scores is not None and not self.passed(scores):
                yield scores

    def confirmer(self) -> Confirmer[WindowScores]:
        """A new one, by the decision's rules."""
        rules = self._decision.overrides
        found = ((n, rules.get(species.species_id)) for n, species in enumerate(self._species))
        cautions = {n: rule.caution for n, rule in found if rule and rule.caution is not None}
        return Confirmer(self.spec, self._decision.caution, cautions)

    def passed(self, scores: WindowScores) -> dict[int, Hit[WindowScores]]:
        """The species that reach their threshold, if nobody outside them is nearer."""
        return {} if scores.rival else self.reaching(scores)

    def outvoted(self, scores: WindowScores) -> dict[int, Hit[WindowScores]]:
        """Those that reach it where a species that isn't listened for is nearer."""
        return self.reaching(scores) if scores.rival else {}

    def reaching(self, scores: WindowScores) -> dict[int, Hit[WindowScores]]:
        """The species that reach their threshold."""
        sure = scores.confidence
        passing = self._reaching(scores, 1.0)
        return {n: Hit(scores.start_sample, float(sure[n]), scores) for n in passing}

    def near(self, scores: WindowScores) -> list[int]:
        """Those that come near to it."""
        return [] if scores.rival else self._reaching(scores, _NEARLY)

    def _reaching(self, scores: WindowScores, share: float) -> list[int]:
        return np.flatnonzero(scores.confidence >= share * self._thresholds).tolist()

    def _heard(
        self, blocks: Iterable[Block], pace: Pace | None
    ) -> Iterator[tuple[Window, WindowScores | None]]:
        """Each window, and how it was heard; None if the gate, or a person, is against it.

        Args:
            blocks: the sound.
            pace: of a live source, which is heard window by window; None works off a file.
        """
        gate = Gate(self.spec.sample_rate_hz)
        hop = (lambda: pace.hop_samples) if pace else None
        windows = frame_blocks(blocks, self.spec, hop)
        while chunk := list(islice(windows, 1 if pace else _BATCH)):
            begun = (time.monotonic(), time.process_time())
            self._recognizer.refresh()
            admitted = [self._admit(gate.judge(window)) for window in chunk]
            loud = [window for window, let_in in zip(chunk, admitted, strict=True) if let_in]
            scores = iter(self._recognizer.score(loud) if loud else ())
            for window, let_in in zip(chunk, admitted, strict=True):
                yield window, self._trusted(next(scores)) if let_in else None
            if pace:
                pace.took(time.monotonic() - begun[0], time.process_time() - begun[1])

    def _admit(self, verdict: GateVerdict) -> bool:
        self.tally.windows += 1
        if verdict.reason:
            self.tally.skipped[verdict.reason] += 1
        elif verdict.clipped:
            self.tally.clipped += 1
        return verdict.reason is None

    def _trusted(self, scores: WindowScores) -> WindowScores | None:
        """None if it sounds like what a person has rejected here."""
        if scores.rejected:
            self.tally.skipped["rejected before"] += 1
        return None if scores.rejected else scores


class _Records:
    """Records of one source's windows."""

    def __init__(self, listener: Listener, builder: DetectionBuilder) -> None:
        self._listener, self._builder = listener, builder
        self._confirmer, self._outvoted = listener.confirmer(), listener.confirmer()
        self._spec = listener.spec
        self._going_on: dict[int, str] = {}
        self._newest: Window | None = None

    def of(self, window: Window, scores: WindowScores | None, hop_samples: int) -> Iterator[Record]:
        """The records that a window brings about."""
        self._newest = window
        self._builder.add(window)
        if hop_samples != self._spec.hop_samples:
            self._spec = replace(self._spec, hop_samples=hop_samples)
            for confirmer in (self._confirmer, self._outvoted):
                confirmer.hop(self._spec)
            self._builder.hop(self._spec)
        passed = self._listener.passed(scores) if scores else {}
        near = self._listener.near(scores) if scores else []
        confirmed = self._confirmer.update(window.start_sample, passed, near)
        yield from self._extensions(near, {run.species for run in confirmed})
        for run in confirmed:
            found = self._report(run, window)
            self._going_on[run.species] = found.id
            yield from (found, evidence(found, run))
        outvoted = self._listener.outvoted(scores) if scores else {}
        others = self._outvoted.update(window.start_sample, outvoted)
        yield from self._rivals(others, window)
        yield from self._rejections(window)

    def last(self) -> Iterator[Record]:
        """The source has ended."""
        if (newest := self._newest) is None:
            return
        lasting = {n: self._confirmer.extent(n) for n in self._going_on}
        for run in self._confirmer.finish():
            found = self._report(run, newest, ended=True)
            yield from (found, evidence(found, run))
        for species, extent in lasting.items():
            if extent is not None and extent.end_sample == newest.end_sample:
                end_s = self._builder.seconds(newest.end_sample)
                yield Extension(self._going_on[species], end_s, extent.hits)
        yield from self._rivals(self._outvoted.finish(), newest)
        yield from self._rejections(newest)

    def _extensions(self, near: Iterable[int], new: set[int]) -> Iterator[Extension]:
        """Of detections reported before and heard again."""
        for species in near:
            run = None if species in new else self._confirmer.extent(species)
            if run is not None:
                end_s = self._builder.seconds(run.offset_sample(self._spec))
                yield Extension(self._going_on[species], end_s, run.hits)

    def _rejections(self, newest: Window) -> Iterator[Rejection | Evidence]:
        for run in self._confirmer.take_failed():
            reason = f"passed in {run.hits} of the {run.hits_needed} windows needed"
            candidate = self._builder.detection(run, newest)
            yield from (Rejection(candidate, reason), evidence(candidate, run))

    def _rivals(
        self, outvoted: Iterable[Confirmed[WindowScores]], newest: Window
    ) -> Iterator[Rejection | Evidence]:
        """Candidates that would have been reported, had no other species been nearer."""
        self._outvoted.take_failed()
        for run in outvoted:
            rival = run.best.evidence.rival
            candidate = self._builder.detection(run, newest)
            reason = f"more like {rival.scientific_name}" if rival else "more like another"
            yield from (Rejection(candidate, reason), evidence(candidate, run))

    def _report(
        self, run: Confirmed[WindowScores], newest: Window, ended: bool = False
    ) -> Detection:
        found, tally = self._builder.detection(run, newest, ended), self._listener.tally
        tally.detections += 1
        tally.species.add(found.species_id)
        return found


def _followed(record: Record, extractor: ClipExtractor | None) -> Iterator[Record]:
    if extractor:
        extractor.follow(record)
    yield record


def _thresholds(recognizer: Recognizer, decision: Decision) -> npt.NDArray[np.float64]:
    """float64[species]."""
    known = recognizer.calibration
    common = decision.threshold
    if common is None:
        common = known.threshold if known else UNCALIBRATED_THRESHOLD
    rules = [decision.overrides.get(species.species_id) for species in recognizer.species]
    own = [rule.threshold if rule else None for rule in rules]
    return np.array(
        [common if threshold is None else threshold for threshold in own], dtype=np.float64
    )
