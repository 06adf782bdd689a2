"""Builder of records: what is decided, with pictures, rivals and time."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np

from edge.contract.audio_spec import AudioSpec
from edge.contract.coordinates import Coordinates
from edge.contract.text import well_formed
from edge.decision.confirm import MOST_WINDOWS
from edge.dsp.onset import Onset
from edge.pipeline.decider import Outcome, Run
from edge.recognition.recognizer import Identity, Match, WindowScores
from edge.records.detection import (
    Candidate,
    Detection,
    Extension,
    Picture,
    Record,
    Rejection,
)
from edge.records.evidence import Evidence
from edge.source.framing import Window
from edge.source.recorded import Recorded
from edge.system import clock

_LEAST_PER_S = 100
"""A record lasts this part of a second at least: its times are written in milliseconds."""


@dataclass(frozen=True)
class Origin:
    """Origin of the blocks."""

    source: str
    """Device name, file path or URL."""
    station: str
    live: bool
    """A live source has a wall-clock time; a file is worked off in batches."""
    recorded: Recorded | None = None
    """Time and place of a file."""
    root: str | None = None
    """Folder that the source is relative to."""
    volume: str | None = None
    """File system that it lies on."""
    channel: int | None = None
    """From 1; None: all of them."""

    @property
    def begun_ms(self) -> int | None:
        """UTC of a file's first sample, in milliseconds, if it is known."""
        return None if self.recorded is None else self.recorded.begun_ms


class RecordBuilder:
    """Makes the records of one source.

    Args:
        identity: of the model.
        match: shows a species in a window (`Recognizer.match`).
        onset: finds where sound rises.
        origin: where the sound comes from.
    """

    def __init__(
        self,
        identity: Identity,
        match: Callable[[WindowScores, int], Match],
        onset: Onset,
        origin: Origin,
    ) -> None:
        self._identity, self._match = identity, match
        self._onset, self._origin = onset, origin
        self._ids = clock.Ids()
        self._going_on: dict[int, str] = {}
        self._told_to: dict[int, int] = {}
        self._windows: dict[int, int] = {}
        """Windows of each species' record that are kept."""

    def records(self, outcome: Outcome, newest: Window) -> Iterator[Record]:
        """The records of what is decided.

        Args:
            outcome: of the newest window, or of the end.
            newest: the window that came last, which tells the time.
        """
        yield from self._extensions(outcome, newest)
        for run in outcome.confirmed:
            self._going_on.pop(run.species, None)  # was another run's
            yield from self._reported(run, outcome.spec, newest)
        for run in outcome.outvoted:
            rival = run.best.evidence.rival
            reason = f"more like {rival.scientific_name}" if rival else "more like another"
            yield from self._rejected(run, outcome.spec, newest, reason)
        for run in outcome.failed:
            reason = f"passed in {run.hits} of the {run.hits_needed} windows needed"
            yield from self._rejected(run, outcome.spec, newest, reason)

    def _reported(self, run: Run, spec: AudioSpec, newest: Window) -> Iterator[Record]:
        found = self.detection(run, spec, newest)
        self._going_on[run.species], self._told_to[run.species] = found.id, run.end_sample
        yield from (found, self._evidence(found.id, run))

    def _evidence(self, record: str, run: Run) -> Evidence:
        self._windows[run.species] = len(run.windows)
        return _evidence(record, run)

    def _extensions(self, outcome: Outcome, newest: Window) -> Iterator[Record]:
        for run in outcome.extended:
            record = self._going_on.get(run.species)
            if record is None:  # a fault kept it from being reported
                yield from self._reported(run, outcome.spec, newest)
                continue
            self._told_to[run.species] = run.end_sample
            yield Extension(record, _seconds(run.end_sample, outcome.spec), run.hits)
            if len(run.windows) > self._windows.get(run.species, 0):
                yield self._evidence(record, run)

    def _rejected(
        self, run: Run, spec: AudioSpec, newest: Window, reason: str
    ) -> Iterator[Rejection | Evidence]:
        candidate = self.detection(run, spec, newest)
        yield from (Rejection(candidate, reason), _evidence(candidate.id, run))

    def detection(self, run: Run, spec: AudioSpec, newest: Window) -> Detection:
        """The record of a run of windows.

        Args:
            run: what was confirmed, or came near to it.
            spec: rate, window and hop in use.
            newest: the window that came last, which tells the time.
        """
        match, identity = self._match(run.best.evidence, run.species), self._identity
        onset = self._began(run, spec)
        return Detection(
            id=self._ids.new(),
            station=well_formed(self._origin.station),
            detected_at=self._moment(onset, spec, newest),
            time_zone=self._zone,
            clock_synchronised=self._is_synchronised(),
            start_s=_seconds(onset, spec),
            end_s=_seconds(run.end_sample, spec),
            source=well_formed(self._origin.source),
            species_id=match.species.species_id,
            scientific_name=match.species.scientific_name,
            common_name=match.species.common_name,
            probability=match.probability,
            score=match.score,
            similarity=match.similarity,
            hits=run.hits,
            hits_needed=run.hits_needed,
            pictures=tuple(_pictures(match)),
            top=tuple(_candidates(match)),
            clip=None,
            model_id=identity.model_id,
            bundle=identity.bundle,
            precision=identity.precision,
            provider=identity.provider,
            root=_told(self._origin.root),
            volume=_told(self._origin.volume),
            channel=self._origin.channel,
            latitude=None if self._place is None else self._place.latitude,
            longitude=None if self._place is None else self._place.longitude,
        )

    @property
    def _zone(self) -> str:
        recorded = self._origin.recorded
        return recorded.zone if recorded and recorded.begun_ms else clock.time_zone()

    @property
    def _place(self) -> Coordinates | None:
        return None if self._origin.recorded is None else self._origin.recorded.place

    def _is_synchronised(self) -> bool:
        """Trust in the clock that a record is dated by: ours, or the recorder's."""
        recorded = self._origin.recorded
        return recorded.synchronised if recorded and recorded.begun_ms else clock.synchronised()

    def _began(self, run: Run, spec: AudioSpec) -> int:
        """Place where sound rises near to what windows tell, if it does.

        It lies after the end of the species' record before: those never overlap.
        """
        window, hop, middle = spec.window_samples, spec.hop_samples, run.middle_sample
        reach = min(window // 2, window - hop)
        latest = run.end_sample - spec.sample_rate_hz // _LEAST_PER_S
        found = self._onset.between(middle - reach, min(middle + reach, latest))
        begun = run.start_sample if found is None else max(found, 0)
        return max(begun, min(self._told_to.get(run.species, 0), run.start_sample))

    def _moment(self, onset: int, spec: AudioSpec, newest: Window) -> str | None:
        """Time of a sample, by sample counter and clock; None for a file without a date."""
        if not self._origin.live:
            begun_ms = self._origin.begun_ms
            into_ms = onset * 1000 // spec.sample_rate_hz
            return None if begun_ms is None else clock.iso_utc(begun_ms + into_ms)
        ended_ms = clock.now_ms() if newest.ended_ns is None else clock.utc_ms(newest.ended_ns)
        before_ms = (newest.end_sample - onset) * 1000 // spec.sample_rate_hz
        return clock.iso_utc(ended_ms - before_ms)


def _seconds(samples: int, spec: AudioSpec) -> float:
    """Seconds from the source's start, cut to milliseconds: none lies beyond its end."""
    return samples * 1000 // spec.sample_rate_hz / 1000


def _told(text: str | None) -> str | None:
    return None if text is None else well_formed(text)


def _evidence(record: str, run: Run) -> Evidence:
    """All windows of a run, that of its record first."""
    best = run.best.evidence
    others = [hit.evidence for hit in run.windows if hit.evidence is not best]
    windows = [best, *others[: MOST_WINDOWS - 1]]
    rows = np.stack([window.embedding for window in windows]).astype(np.float16)
    apart = any(window.sound is not window.embedding for window in windows)
    sounds = np.stack([window.sound for window in windows]).astype(np.float16) if apart else None
    return Evidence(record, rows[0], rows[1:] if others else None, sounds)


def _pictures(match: Match) -> Iterator[Picture]:
    """The nearest pictures of the species with their credits."""
    for row, similarity in match.pictures:
        yield Picture(
            file=row.file,
            url=row.url or None,
            author=row.author,
            licence=row.licence,
            similarity=round(similarity, 4),
        )


def _candidates(match: Match) -> Iterator[Candidate]:
    for species, score, probability in match.best:
        yield Candidate(species.scientific_name, species.common_name, score, probability)
