"""Monitor of a live source: what its listener does at this moment, gathered for others to see."""

import logging
import os
import shutil
import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from edge.contract.audio_spec import AudioSpec
from edge.contract.text import well_formed
from edge.dsp.waterfall import FLOOR_DBFS, STEP_DB, Waterfall
from edge.pipeline.decider import Run
from edge.pipeline.tally import Tally
from edge.recognition.recognizer import Recognizer, WindowScores
from edge.records.live_state import Guess, HeardNow, LiveSpectrogram, LiveState, boot_id
from edge.source.block import Block
from edge.source.framing import Window
from edge.system import clock
from edge.system.throttle import FaultBarrier

_LOG = logging.getLogger(__name__)
_BLOCKS = 256
"""Held at most, if nobody asks for the state."""
_SILENT_NS = 3_000_000_000
"""A source without a block for so long is waited for."""
_SELDOM_S = 10.0
"""From one look at the disk and the clock's trust to the next."""


@dataclass(frozen=True, kw_only=True)
class _Counts:
    """Counts of the session, as one window has left them."""

    windows: int = 0
    skipped: dict[str, int]
    clipped: int = 0
    detections: int = 0
    species: int = 0
    silence: str | None = None


@dataclass(frozen=True, kw_only=True)
class _Moment:
    """All that one window tells."""

    counts: _Counts
    heard: tuple[HeardNow, ...] = ()
    best: Guess | None = None
    window_ms: int | None = None
    hop_s: float | None = None


class Monitor:
    """Follows one live source. `sound` and `window` cost next to nothing where sound is worked off.

    `state` is for one other thread, which does the rest.

    Args:
        station: name of this machine.
        folder: of the station.
        given: names of the settings that were given where the listener was started.
    """

    def __init__(self, station: str, folder: Path, given: Sequence[str] = ()) -> None:
        self._station, self._folder, self._given = well_formed(station), folder, tuple(given)
        self._begun_ms, self._boot, self._sequence = clock.now_ms(), boot_id(), 0
        self._blocks: deque[Block] = deque(maxlen=_BLOCKS)
        self._waterfall = Waterfall()
        self._sound_ns, self._ended_ns = -_SILENT_NS, 0
        self._end: tuple[int, int] | None = None
        """Rate and place at which the next block follows without a gap."""
        self.gaps = 0
        """Places where the sound broke off."""
        self._resting = False
        self._before, self._tally = Tally(), Tally()
        """Of bundles that were replaced, and of the present one."""
        self._moment = _Moment(counts=_Counts(skipped={}))
        self._barrier = FaultBarrier(_LOG, "live state", "left out", logging.ERROR)
        self._looked, self._synchronised = float("-inf"), False
        self._free: int | None = None

    def uses(self, recognizer: Recognizer, spec: AudioSpec, tally: Tally) -> None:
        """A bundle is listened with from now on.

        Args:
            recognizer: of it.
            spec: window, and the hop that is wanted.
            tally: which its listener counts in.
        """
        if tally is not self._tally:
            self._before.add(self._tally)
        self._recognizer, self._spec, self._tally = recognizer, spec, tally

    def sound(self, block: Block) -> None:
        """A block has come; by whatever thread reads the source."""
        self._resting = block.resting
        if len(block.samples):
            place = (block.rate_hz, block.first_sample)
            self.gaps += self._end is not None and place != self._end
            self._end = (block.rate_hz, block.end_sample)
            self._sound_ns = time.monotonic_ns()
            self._blocks.append(block)
        elif block.resting:
            self._end = None  # rest by plan is no gap

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
            open_runs: gives the species that pass in these windows.
        """
        with self._barrier:
            ended_ms = clock.now_ms() if window.ended_ns is None else clock.utc_ms(window.ended_ns)
            hop = window.hop_samples or self._spec.hop_samples
            self._moment = _Moment(
                counts=self._counts(),
                heard=tuple(
                    self._heard(run, has_been, window.end_sample, ended_ms)
                    for run, has_been in open_runs()
                ),
                best=self._moment.best if scores is None else self._guess(scores),
                window_ms=ended_ms,
                hop_s=hop / self._spec.sample_rate_hz,
            )

    def state(self, source: str, dropped_s: float) -> LiveState:
        """State of this moment, for the one thread that shows it.

        Args:
            source: its name, as it is known by now.
            dropped_s: sound lost as yet because inference is too slow.
        """
        self._sequence += 1
        self._look()
        level_dbfs, spectrogram = self._listen()
        moment, counts, identity = self._moment, self._moment.counts, self._recognizer.identity
        spec, now_ns = self._spec, time.monotonic_ns()
        doing = self._doing(now_ns)
        return LiveState(
            station=self._station,
            source=well_formed(source),
            doing=doing,
            process=os.getpid(),
            boot=self._boot,
            sequence=self._sequence,
            every_s=0.0,
            written_ms=clock.now_ms(),
            written_ns=now_ns,
            begun_ms=self._begun_ms,
            bundle=identity.bundle,
            model_id=identity.model_id,
            precision=identity.precision,
            provider=identity.provider,
            calibrated=self._recognizer.calibration is not None,
            windows=counts.windows,
            skipped=counts.skipped,
            clipped=counts.clipped,
            detections=counts.detections,
            species=counts.species,
            silence=counts.silence,
            best=moment.best,
            heard=moment.heard if doing == "listening" else (),
            window_ms=moment.window_ms,
            window_s=spec.window_s,
            hop_s=moment.hop_s or spec.hop_samples / spec.sample_rate_hz,
            level_dbfs=level_dbfs,
            dropped_s=round(dropped_s, 1),
            gaps=self.gaps,
            disk_free=self._free,
            clock_synchronised=self._synchronised,
            given=self._given,
            spectrogram=spectrogram,
        )

    def _counts(self) -> _Counts:
        before, now = self._before, self._tally
        return _Counts(
            windows=before.windows + now.windows,
            skipped=dict(before.skipped + now.skipped),
            clipped=before.clipped + now.clipped,
            detections=before.detections + now.detections,
            species=len(before.species | now.species),
            silence=now.silence,
        )

    def _heard(self, run: Run, confirmed: bool, end_sample: int, ended_ms: int) -> HeardNow:
        bird, confidence = self._recognizer.species[run.species], run.best.confidence
        since_ms = (end_sample - run.start_sample) * 1000 // self._spec.sample_rate_hz
        return HeardNow(
            species_id=bird.species_id,
            scientific_name=bird.scientific_name,
            common_name=bird.common_name,
            confidence=round(confidence, 4),
            hits=run.hits,
            hits_needed=run.hits_needed,
            since_ms=ended_ms - since_ms,
            confirmed=confirmed,
        )

    def _guess(self, scores: WindowScores) -> Guess:
        best = int(scores.confidence.argmax())
        bird = self._recognizer.species[best]
        return Guess(
            species_id=bird.species_id,
            scientific_name=bird.scientific_name,
            common_name=bird.common_name,
            confidence=round(float(scores.confidence[best]), 4),
        )

    def _doing(self, now_ns: int) -> str:
        if self._resting:
            return "resting"
        return "listening" if now_ns - self._sound_ns < _SILENT_NS else "waiting"

    def _listen(self) -> tuple[float | None, LiveSpectrogram | None]:
        """Level and spectrogram of the sound that has come since."""
        blocks = [self._blocks.popleft() for _ in range(len(self._blocks))]
        self._waterfall.add(blocks)
        if blocks:
            self._ended_ns = blocks[-1].monotonic_ns or time.monotonic_ns()
        return _level_dbfs(blocks), None if self._waterfall.is_empty else self._spectrogram()

    def _spectrogram(self) -> LiveSpectrogram:
        fall = self._waterfall
        columns = fall.columns()
        return LiveSpectrogram(
            columns=columns,
            bands_hz=fall.bands_hz,
            column_s=fall.column_s,
            first_column=fall.end - len(columns),
            ended_ms=clock.utc_ms(self._ended_ns) - round(1000 * fall.behind_s),
            floor_dbfs=FLOOR_DBFS,
            step_db=STEP_DB,
        )

    def _look(self) -> None:
        """Now and then, look at what costs more."""
        if time.monotonic() - self._looked < _SELDOM_S:
            return
        self._looked, self._synchronised = time.monotonic(), clock.synchronised()
        try:
            self._free = shutil.disk_usage(self._folder).free
        except OSError:
            self._free = None


def _level_dbfs(blocks: Sequence[Block]) -> float | None:
    """RMS without offset of all samples together; None without any."""
    if not blocks:
        return None
    samples = np.concatenate([block.samples for block in blocks])
    return round(20 * float(np.log10(max(float(samples.std()), 1e-9))), 1)
