"""The pipeline: blocks -> windows -> gate -> encoder -> search -> confirmation -> records."""

import logging
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import nullcontext
from dataclasses import replace
from itertools import islice
from typing import Protocol

from edge.clip.extractor import ClipConfig, ClipExtractor
from edge.contract.arrays import Float32s
from edge.contract.audio_spec import AudioSpec
from edge.decision.rules import Decision
from edge.dsp.buffer import SampleBuffer
from edge.dsp.gate import Gate, GateVerdict
from edge.dsp.onset import Onset
from edge.pipeline.builder import Origin, RecordBuilder
from edge.pipeline.decider import Decider, Run, Thresholds
from edge.pipeline.effort import Effort
from edge.pipeline.pace import Pace
from edge.pipeline.tally import Tally
from edge.recognition.recognizer import Recognizer, WindowScores
from edge.records.detection import Clip, Detection, Record
from edge.source.block import Block
from edge.source.framing import Window, frame_blocks
from edge.system.clock import year_share
from edge.system.throttle import FaultBarrier

_LOG = logging.getLogger(__name__)
_AT_ONCE = 8
"""Windows of a recording that are scored together."""


class WindowWatch(Protocol):
    """Follows the windows of a source."""

    def window(
        self,
        window: Window,
        scores: WindowScores | None,
        open_runs: Callable[[], Sequence[tuple[Run, bool]]],
    ) -> None:
        """A window was heard.

        Args:
            window: the newest one.
            scores: of it, if the gate let it pass.
            open_runs: of what is heard at this moment.
        """


class Listener:
    """Listens to sources with one bundle.

    Args:
        recognizer: the bundle, made ready.
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
        self.recognizer, self._max_cpu = recognizer, max_cpu
        self._thresholds = Thresholds(recognizer.species, self._decision, recognizer.calibration)
        self._unheard = FaultBarrier(_LOG, "recognition", "a window is left out", logging.ERROR)
        self._unreported = FaultBarrier(_LOG, "reporting", "a window is left out", logging.ERROR)
        self._year_share: float | None = None
        self.tally = Tally()

    def listen(
        self,
        blocks: Iterable[Block],
        origin: Origin,
        clips: ClipConfig | None = None,
        monitor: WindowWatch | None = None,
    ) -> Iterator[Record | Clip]:
        """Yield a detection as soon as it is confirmed, then how it goes on, and what failed.

        Args:
            blocks: the sound.
            origin: where it comes from.
            clips: how much sound is cut around what is detected; None cuts none.
            monitor: told of each window, for others to see.

        Raises:
            BirdlistenError: whatever the blocks raise, once all that came before is worked off.
        """
        recognizer, buffer, newest = self.recognizer, SampleBuffer(), None
        source = _UntilFault(blocks)
        decider = Decider(recognizer.species, self._decision, self._thresholds, self.spec)
        onset, extractor = Onset(self.spec, buffer), ClipExtractor(self.spec, clips, buffer)
        builder = RecordBuilder(recognizer.identity, recognizer.match, onset, origin)
        pace = Pace(self.spec, self._max_cpu) if origin.live else None
        effort = Effort(origin.source, self.spec.sample_rate_hz) if origin.live else None
        held = self._unreported if origin.live else nullcontext()
        begun_ms = origin.begun_ms
        self._year_share = None if begun_ms is None else year_share(begun_ms)
        for newest, scores in self._scored(source, pace):
            with held:
                yield from extractor.before(newest)
                buffer.add(newest)
                for record in builder.records(decider.update(newest, scores), newest):
                    yield self._noted(record, extractor)
                yield from extractor.due(newest.end_sample)
                yield from effort.after(newest) if effort else ()
            if monitor is not None:
                monitor.window(newest, scores, decider.open_runs)
        if newest is not None:
            for record in builder.records(decider.finish(), newest):
                yield self._noted(record, extractor)
        yield from extractor.finish()
        yield from effort.finish() if effort else ()
        source.check()

    def match_again(
        self, windows: Iterable[tuple[Window, Float32s | None]], origin: Origin
    ) -> Iterator[Record]:
        """Yield what is found in windows that were encoded before, as `listen` does.

        Without their sound a record begins with its first window.

        Args:
            windows: in their order, with their embeddings; None of those that the gate has held up.
            origin: where they come from.
        """
        recognizer, newest = self.recognizer, None
        decider = Decider(recognizer.species, self._decision, self._thresholds, self.spec)
        onset = Onset(self.spec, SampleBuffer())
        builder = RecordBuilder(recognizer.identity, recognizer.match, onset, origin)
        share = None if origin.begun_ms is None else year_share(origin.begun_ms)
        for newest, embedding in windows:
            self.tally.windows += 1
            scores = None
            if embedding is not None:
                start = newest.start_sample
                (scored,) = recognizer.scores_of(embedding[None], [start], share)
                scores = self._trusted(scored)
            yield from builder.records(decider.update(newest, scores), newest)
        if newest is not None:
            yield from builder.records(decider.finish(), newest)

    def heard_windows(self, blocks: Iterable[Block]) -> Iterator[WindowScores]:
        """The windows that pass the gate, a live source's pace kept."""
        for _, scores in self._scored(blocks, Pace(self.spec)):
            if scores is not None:
                yield scores

    def _scored(
        self, blocks: Iterable[Block], pace: Pace | None
    ) -> Iterator[tuple[Window, WindowScores | None]]:
        """Each window with its scores; None if the gate, or a person, is against it.

        Args:
            blocks: the sound.
            pace: of a live source, which is scored window by window; None works off a file.
        """
        gate = Gate(self.spec.sample_rate_hz)
        windows = frame_blocks(blocks, self.spec, (lambda: pace.hop_samples) if pace else None)
        while chunk := list(islice(windows, 1 if pace else _AT_ONCE)):
            begun = (time.monotonic(), time.process_time())
            if pace is None:
                yield from self._scored_batch(chunk, gate)
                continue
            with self._unheard:
                yield from self._scored_batch(chunk, gate)
            if self._unheard.held:
                self.tally.skip("fault", len(chunk))
                yield from ((window, None) for window in chunk)
            pace.took(time.monotonic() - begun[0], time.process_time() - begun[1])

    def _scored_batch(
        self, windows: list[Window], gate: Gate
    ) -> Iterator[tuple[Window, WindowScores | None]]:
        self.recognizer.refresh()
        admitted = [self._admit(gate.judge(window)) for window in windows]
        audible = [window for window, let_in in zip(windows, admitted, strict=True) if let_in]
        scores = iter(self.recognizer.score(audible, self._year_share) if audible else ())
        for window, let_in in zip(windows, admitted, strict=True):
            yield window, self._trusted(next(scores)) if let_in else None

    def _admit(self, verdict: GateVerdict) -> bool:
        self.tally.windows, self.tally.silence = self.tally.windows + 1, None
        if verdict.reason:
            self.tally.skip(verdict.reason)
        elif verdict.clipped:
            self.tally.clipped += 1
        return verdict.reason is None

    def _trusted(self, scores: WindowScores) -> WindowScores | None:
        """None if it sounds like what a person has rejected here."""
        if scores.rejected:
            self.tally.skip("rejected before")
        return None if scores.rejected else scores

    def _noted(self, record: Record, extractor: ClipExtractor) -> Record:
        if isinstance(record, Detection):
            self.tally.detections += 1
            self.tally.species.add(record.species_id)
        extractor.follow(record)
        return record


class _UntilFault:
    """Blocks of a source up to its fault, which waits until they are worked off."""

    def __init__(self, blocks: Iterable[Block]) -> None:
        self._blocks = blocks
        self._fault: Exception | None = None

    def __iter__(self) -> Iterator[Block]:
        try:
            yield from self._blocks
        except Exception as fault:
            self._fault = fault

    def check(self) -> None:
        """Raise the fault, if there was one."""
        if self._fault is not None:
            raise self._fault
