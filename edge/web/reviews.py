"""Reviews from the web: taught to the station, and left in its inbox for who owns the records."""

from collections.abc import Callable
from contextlib import suppress
from typing import TYPE_CHECKING

from starlette.requests import Request

from edge.contract.errors import BirdlistenError, ConfigError
from edge.recognition.overlay import Overlay
from edge.recognition.teaching import Teaching
from edge.records.comments import comment
from edge.records.detection import Detection
from edge.records.inbox import CONFIRMED, UNREVIEWED, VERDICTS
from edge.records.reader import RecordReader
from edge.web.station import StationView, station_of

if TYPE_CHECKING:  # the pipeline: a page that is only looked at goes without its megabytes
    from edge.pipeline.effect import Effect

Find = Callable[[Request, RecordReader], Detection]


def take_verdict(
    request: Request, find: Find, verdict: str | None, name: str | None = None, text: str = ""
) -> dict[str, object]:
    """Leave a verdict on a record, a comment, or both: the words stand only with the verdict.

    Args:
        request: of a person.
        find: finds the record that it is about.
        verdict: as `leave_review` has it; None leaves none.
        name: likewise.
        text: the comment; empty leaves none.

    Raises:
        HTTPException: there is no such record.
        ConfigError: an unknown verdict or species; nothing has changed.
        StoreError: the station can't be written.
    """
    station = station_of(request)
    with station.records() as records:
        record = find(request, records)
    told = {} if verdict is None else leave_review(station, record, verdict, name)
    if text:
        comment(station.path, record.id, text)
    return told


def leave_review(
    station: StationView, record: Detection, verdict: str, name: str | None = None
) -> dict[str, object]:
    """Leave a verdict on a record; where its sound's embedding is gone, nothing is taught by it.

    Args:
        station: that is looked at.
        record: that was looked at.
        verdict: `confirmed`, `rejected`, or `unreviewed`, which takes one back.
        name: of another species, which it was.

    Raises:
        ConfigError: an unknown verdict or species; nothing has changed.
        StoreError: the station can't be written.
    """
    if verdict not in VERDICTS or (name is not None and verdict != CONFIRMED):
        raise ConfigError(
            f"verdict: {verdict!r}, expected {', '.join(VERDICTS)}; only one that is "
            "confirmed can be another species"
        )
    teaching = Teaching(station.path, lambda: station.bundle, by="page", needs_sound=False)
    told = {"record": record.id, "verdict": verdict, "species_id": record.species_id}
    if verdict == UNREVIEWED:
        teaching.take_back(record.id)
        return {**told, "taught": True, "otherwise": None}
    confirmed = verdict == CONFIRMED
    taught = teaching.confirm(record.id, name) if confirmed else teaching.reject(record.id)
    if confirmed:
        told["species_id"] = taught.species_id
    effect = _effect(station, taught.lesson) if taught.windows else None
    otherwise = None if effect is None else effect.records + effect.candidates
    return {**told, "taught": taught.windows > 0, "otherwise": otherwise}


def _effect(station: StationView, lesson: str) -> "Effect | None":
    """Effect of a lesson, at the usual thresholds; None where that can't be told: it stands."""
    from edge.decision.rules import Decision
    from edge.pipeline.effect import Weighing, of_late

    with suppress(BirdlistenError):
        bundle = station.bundle
        manifest = bundle.manifest
        overlay = Overlay(
            station.path, manifest.model_id, manifest.embedding_dim, manifest.sound_dim
        )
        with station.records() as records:
            decided = of_late(records, bundle)
        weighing = Weighing(
            bundle,
            manifest.precisions[0],
            species_set=None,
            chosen=None,
            decision=Decision(),
        )
        return weighing.effect(decided, overlay.load(without=[lesson]), overlay.load())
    return None
