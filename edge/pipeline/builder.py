"""Builder of records: a confirmed species with its pictures, its rivals and its time."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from edge.contract.audio import AudioSpec
from edge.decision.confirm import Confirmed
from edge.dsp.onset import Onset
from edge.recognition.recognizer import Recognizer, WindowScores
from edge.records.detection import Candidate, Detection, Evidence, Picture
from edge.source.framing import Window
from edge.system import clock

_TOP = 5
_PICTURES = 3


@dataclass(frozen=True)
class Origin:
    """Origin of the blocks."""

    source: str
    """Device name, file path or URL."""
    station: str
    live: bool
    """A live source has a wall-clock time; a file is worked off in batches."""


class DetectionBuilder:
    """Makes the records of one source.

    Args:
        recognizer: the bundle that hears.
        spec: rate, window and hop in use.
        origin: where the sound comes from.
    """

    def __init__(self, recognizer: Recognizer, spec: AudioSpec, origin: Origin) -> None:
        self._recognizer, self._spec, self._origin = recognizer, spec, origin
        self._ids, self._onset = clock.Ids(), Onset(spec)

    def add(self, window: Window) -> None:
        """Take the next window."""
        self._onset.add(window)

    def hop(self, spec: AudioSpec) -> None:
        """Tell times by another hop from now on."""
        self._spec = spec

    def seconds(self, samples: int) -> float:
        """Seconds from the source's start."""
        return round(samples / self._spec.sample_rate_hz, 3)

    def detection(
        self, confirmed: Confirmed[WindowScores], newest: Window, ended: bool = False
    ) -> Detection:
        """The record.

        Args:
            confirmed: what was confirmed, or came near to it.
            newest: the window heard last, which tells the time.
            ended: it is the source's last.
        """
        scores, species = confirmed.best.evidence, self._recognizer.species[confirmed.species]
        offset = confirmed.offset_sample(self._spec, newest.end_sample if ended else None)
        onset = self._began(confirmed, offset)
        manifest = self._recognizer.bundle.manifest
        return Detection(
            id=self._ids.new(),
            station=self._origin.station,
            detected_at=self._moment(onset, newest),
            time_zone=clock.time_zone(),
            clock_synchronised=clock.synchronised(),
            start_s=self.seconds(onset),
            end_s=self.seconds(offset),
            source=self._origin.source,
            species_id=species.species_id,
            scientific_name=species.scientific_name,
            common_name=species.common_name,
            probability=_probability(scores, confirmed.species),
            score=round(float(scores.score[confirmed.species]), 4),
            similarity=round(float(scores.similarity[confirmed.species]), 4),
            hits=confirmed.hits,
            hits_needed=confirmed.hits_needed,
            pictures=tuple(pictures(self._recognizer, scores, confirmed.species)),
            top=tuple(candidates(self._recognizer, scores)),
            clip=None,
            model_id=manifest.model_id,
            bundle=manifest.name,
            precision=self._recognizer.precision,
            provider=self._recognizer.provider,
        )

    def _began(self, confirmed: Confirmed[WindowScores], offset: int) -> int:
        """Place where sound rises near to what windows tell, if it does.

        Records of one species lie a window less a hop apart and must not overlap.
        """
        window, hop = self._spec.window_samples, self._spec.hop_samples
        middle, reach = confirmed.middle_sample(self._spec), min(window // 2, window - hop)
        found = self._onset.between(middle - reach, min(middle + reach, offset))
        return confirmed.onset_sample(self._spec) if found is None else max(found, 0)

    def _moment(self, onset: int, newest: Window) -> str | None:
        """Time of a sample, by sample counter and monotonic clock; None for a file."""
        if not self._origin.live:
            return None
        ended_ms = clock.now_ms() if newest.ended_ns is None else clock.utc_ms(newest.ended_ns)
        before_ms = (newest.end_sample - onset) * 1000 // self._spec.sample_rate_hz
        return clock.iso_utc(ended_ms - before_ms)


def evidence(found: Detection, confirmed: Confirmed[WindowScores]) -> Evidence:
    """Embedding of its best window."""
    return Evidence(found.id, confirmed.best.evidence.embedding.astype(np.float16))


def pictures(recognizer: Recognizer, scores: WindowScores, species: int) -> Iterator[Picture]:
    """The nearest pictures of a species with their credits."""
    for row, similarity in recognizer.nearest(scores, species, _PICTURES):
        file = f"pictures/{row.picture}" if row.picture else None
        yield Picture(file, row.url or None, row.author, row.licence, round(similarity, 4))


def candidates(
    recognizer: Recognizer, scores: WindowScores, count: int = _TOP
) -> Iterator[Candidate]:
    """The best species of a window, winner included."""
    species = recognizer.species
    for n in np.argsort(-scores.score, kind="stable")[:count]:
        yield Candidate(
            species[n].scientific_name,
            species[n].common_name,
            round(float(scores.score[n]), 4),
            _probability(scores, int(n)),
        )


def _probability(scores: WindowScores, species: int) -> float | None:
    return None if scores.probability is None else round(float(scores.probability[species]), 4)
