"""The pipeline: blocks -> windows -> gate -> encoder -> search -> confirmation -> records."""

import time
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from itertools import islice

import numpy as np
import numpy.typing as npt

from edge.clip.cutter import Cutter
from edge.contract.audio import AudioSpec
from edge.decision.confirm import Confirmed, Confirmer, Hit
from edge.decision.rules import Decision
from edge.detection import Clip, Detection, Evidence, Extension, Record, Rejection
from edge.gate import Gate, GateVerdict
from edge.hearing import Heard, Hearing
from edge.pace import Pace
from edge.reporter import Origin, Reporter, evidence
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
        hearing: the bundle, ready to hear.
        decision: when a species is reported.
        max_cpu: share of a core that a live source may cost; None doesn't care.
    """

    def __init__(
        self, hearing: Hearing, decision: Decision | None = None, max_cpu: float | None = None
    ) -> None:
        self._decision, spec = decision or Decision(), hearing.bundle.manifest.audio
        hop = self._decision.hop_samples or spec.hop_samples
        self.spec: AudioSpec = replace(spec, hop_samples=hop)
        """Rate, window and hop in use."""
        self._hearing, self._max_cpu = hearing, max_cpu
        self._species = hearing.species
        self._thresholds = _thresholds(hearing, self._decision)
        self.tally = Tally()

    def listen(
        self, blocks: Iterable[Block], origin: Origin, cutter: Cutter | None = None
    ) -> Iterator[Record | Clip]:
        """Yield a detection as soon as it is confirmed, then how it goes on, and what failed.

        Args:
            blocks: the sound.
            origin: where it comes from.
            cutter: cuts clips of what is detected; None cuts none.

        Raises:
            BirdlistenError: whatever the blocks raise; records yielded before stay valid.
        """
        records = _Records(self, Reporter(self._hearing, self.spec, origin))
        pace = Pace(self.spec, self._max_cpu)
        for window, heard in self._heard(blocks, pace if origin.live else None):
            if cutter:
                yield from cutter.hear(window)
            for record in records.of(window, heard, pace.hop_samples):
                yield from _followed(record, cutter)
            if cutter:
                yield from cutter.due(window.end_sample)
        for record in records.last():
            yield from _followed(record, cutter)
        if cutter:
            yield from cutter.finish()

    def quiet(self, blocks: Iterable[Block]) -> Iterator[Heard]:
        """The windows that are heard, and in which no species passes."""
        for _, heard in self._heard(blocks, Pace(self.spec)):
            if heard is not None and not self.passed(heard):
                yield heard

    def confirmer(self) -> Confirmer[Heard]:
        """A new one, by the decision's rules."""
        rules = self._decision.overrides
        found = ((n, rules.get(one.species_id)) for n, one in enumerate(self._species))
        cautions = {n: one.caution for n, one in found if one and one.caution is not None}
        return Confirmer(self.spec, self._decision.caution, cautions)

    def passed(self, heard: Heard) -> dict[int, Hit[Heard]]:
        """The species that reach their threshold, if nobody outside them is nearer."""
        return {} if heard.rival else self.reaching(heard)

    def outvoted(self, heard: Heard) -> dict[int, Hit[Heard]]:
        """Those that reach it where a species that isn't listened for is nearer."""
        return self.reaching(heard) if heard.rival else {}

    def reaching(self, heard: Heard) -> dict[int, Hit[Heard]]:
        """The species that reach their threshold."""
        sure = heard.confidence
        passing = self._reaching(heard, 1.0)
        return {n: Hit(heard.start_sample, float(sure[n]), heard) for n in passing}

    def near(self, heard: Heard) -> list[int]:
        """Those that come near to it."""
        return [] if heard.rival else self._reaching(heard, _NEARLY)

    def _reaching(self, heard: Heard, share: float) -> list[int]:
        return np.flatnonzero(heard.confidence >= share * self._thresholds).tolist()

    def _heard(
        self, blocks: Iterable[Block], pace: Pace | None
    ) -> Iterator[tuple[Window, Heard | None]]:
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
            self._hearing.refresh()
            admitted = [self._admit(gate.judge(window)) for window in chunk]
            loud = [window for window, let_in in zip(chunk, admitted, strict=True) if let_in]
            heard = iter(self._hearing.hear(loud) if loud else ())
            for window, let_in in zip(chunk, admitted, strict=True):
                yield window, self._trusted(next(heard)) if let_in else None
            if pace:
                pace.took(time.monotonic() - begun[0], time.process_time() - begun[1])

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


class _Records:
    """Records of one source's windows."""

    def __init__(self, listener: Listener, reporter: Reporter) -> None:
        self._listener, self._reporter = listener, reporter
        self._confirmer, self._outvoted = listener.confirmer(), listener.confirmer()
        self._spec = listener.spec
        self._going_on: dict[int, str] = {}
        self._newest: Window | None = None

    def of(self, window: Window, heard: Heard | None, hop_samples: int) -> Iterator[Record]:
        """The records that a window brings about."""
        self._newest = window
        self._reporter.hear(window)
        if hop_samples != self._spec.hop_samples:
            self._spec = replace(self._spec, hop_samples=hop_samples)
            for confirmer in (self._confirmer, self._outvoted):
                confirmer.hop(self._spec)
            self._reporter.hop(self._spec)
        passed = self._listener.passed(heard) if heard else {}
        near = self._listener.near(heard) if heard else []
        confirmed = self._confirmer.update(window.start_sample, passed, near)
        yield from self._extensions(near, {one.species for one in confirmed})
        for one in confirmed:
            found = self._report(one, window)
            self._going_on[one.species] = found.id
            yield from (found, evidence(found, one))
        outvoted = self._listener.outvoted(heard) if heard else {}
        others = self._outvoted.update(window.start_sample, outvoted)
        yield from self._rivals(others, window)
        yield from self._rejections(window)

    def last(self) -> Iterator[Record]:
        """The source has ended."""
        if (newest := self._newest) is None:
            return
        lasting = {n: self._confirmer.extent(n) for n in self._going_on}
        for one in self._confirmer.finish():
            found = self._report(one, newest, ended=True)
            yield from (found, evidence(found, one))
        for species, run in lasting.items():
            if run is not None and run.end_sample == newest.end_sample:
                end_s = self._reporter.seconds(newest.end_sample)
                yield Extension(self._going_on[species], end_s, run.hits)
        yield from self._rivals(self._outvoted.finish(), newest)
        yield from self._rejections(newest)

    def _extensions(self, near: Iterable[int], new: set[int]) -> Iterator[Extension]:
        """Of detections reported before and heard again."""
        for species in near:
            run = None if species in new else self._confirmer.extent(species)
            if run is not None:
                end_s = self._reporter.seconds(run.offset_sample(self._spec))
                yield Extension(self._going_on[species], end_s, run.hits)

    def _rejections(self, newest: Window) -> Iterator[Rejection | Evidence]:
        for one in self._confirmer.take_failed():
            reason = f"passed in {one.hits} of the {one.hits_needed} windows needed"
            candidate = self._reporter.detection(one, newest)
            yield from (Rejection(candidate, reason), evidence(candidate, one))

    def _rivals(
        self, outvoted: Iterable[Confirmed[Heard]], newest: Window
    ) -> Iterator[Rejection | Evidence]:
        """Candidates that would have been reported, had no other species been nearer."""
        self._outvoted.take_failed()
        for one in outvoted:
            rival = one.best.evidence.rival
            candidate = self._reporter.detection(one, newest)
            reason = f"more like {rival.scientific_name}" if rival else "more like another"
            yield from (Rejection(candidate, reason), evidence(candidate, one))

    def _report(self, one: Confirmed[Heard], newest: Window, ended: bool = False) -> Detection:
        found, tally = self._reporter.detection(one, newest, ended), self._listener.tally
        tally.detections += 1
        tally.species.add(found.species_id)
        return found


def _followed(record: Record, cutter: Cutter | None) -> Iterator[Record]:
    if cutter:
        cutter.follow(record)
    yield record


def _thresholds(hearing: Hearing, decision: Decision) -> npt.NDArray[np.float64]:
    """float64[species]."""
    known = hearing.calibration
    common = decision.threshold
    if common is None:
        common = known.threshold if known else UNCALIBRATED_THRESHOLD
    rules = [decision.overrides.get(one.species_id) for one in hearing.species]
    own = [one.threshold if one else None for one in rules]
    return np.array([common if one is None else one for one in own], dtype=np.float64)
