"""Builder of records: a confirmed species with its pictures, its rivals and its time."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from edge import clock
from edge.contract.audio import AudioSpec
from edge.decision.confirm import Confirmed
from edge.detection import Candidate, Detection, Evidence, Picture
from edge.hearing import Heard, Hearing
from edge.onset import Onset
from edge.source.framing import Window

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


class Reporter:
    """Makes the records of one source.

    Args:
        hearing: the bundle that hears.
        spec: rate, window and hop in use.
        origin: where the sound comes from.
    """

    def __init__(self, hearing: Hearing, spec: AudioSpec, origin: Origin) -> None:
        self._hearing, self._spec, self._origin = hearing, spec, origin
        self._ids, self._onset = clock.Ids(), Onset(spec)

    def hear(self, window: Window) -> None:
        """Take the next window."""
        self._onset.hear(window)

    def hop(self, spec: AudioSpec) -> None:
        """Tell times by another hop from now on."""
        self._spec = spec

    def seconds(self, samples: int) -> float:
        """Seconds from the source's start."""
        return round(samples / self._spec.sample_rate_hz, 3)

    def detection(self, one: Confirmed[Heard], newest: Window, ended: bool = False) -> Detection:
        """The record.

        Args:
            one: what was confirmed, or came near to it.
            newest: the window heard last, which tells the time.
            ended: it is the source's last.
        """
        heard, species = one.best.evidence, self._hearing.species[one.species]
        offset = one.offset_sample(self._spec, newest.end_sample if ended else None)
        onset = self._began(one, offset)
        manifest = self._hearing.bundle.manifest
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
            probability=_probability(heard, one.species),
            score=round(float(heard.score[one.species]), 4),
            similarity=round(float(heard.similarity[one.species]), 4),
            hits=one.hits,
            hits_needed=one.hits_needed,
            pictures=tuple(pictures(self._hearing, heard, one.species)),
            top=tuple(candidates(self._hearing, heard)),
            clip=None,
            model_id=manifest.model_id,
            bundle=manifest.name,
            precision=self._hearing.precision,
            provider=self._hearing.provider,
        )

    def _began(self, one: Confirmed[Heard], offset: int) -> int:
        """Place where sound rises near to what windows tell, if it does.

        Records of one species lie a window less a hop apart and must not overlap.
        """
        window, hop = self._spec.window_samples, self._spec.hop_samples
        middle, reach = one.middle_sample(self._spec), min(window // 2, window - hop)
        found = self._onset.between(middle - reach, min(middle + reach, offset))
        return one.onset_sample(self._spec) if found is None else max(found, 0)

    def _moment(self, onset: int, newest: Window) -> str | None:
        """Time of a sample, by sample counter and monotonic clock; None for a file."""
        if not self._origin.live:
            return None
        ended_ms = clock.now_ms() if newest.ended_ns is None else clock.utc_ms(newest.ended_ns)
        before_ms = (newest.end_sample - onset) * 1000 // self._spec.sample_rate_hz
        return clock.iso_utc(ended_ms - before_ms)


def evidence(found: Detection, one: Confirmed[Heard]) -> Evidence:
    """Embedding of its best window."""
    return Evidence(found.id, one.best.evidence.embedding.astype(np.float16))


def pictures(hearing: Hearing, heard: Heard, species: int) -> Iterator[Picture]:
    """The nearest pictures of a species with their credits."""
    for row, similarity in hearing.nearest(heard, species, _PICTURES):
        file = f"pictures/{row.picture}" if row.picture else None
        yield Picture(file, row.url or None, row.author, row.licence, round(similarity, 4))


def candidates(hearing: Hearing, heard: Heard, count: int = _TOP) -> Iterator[Candidate]:
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
