"""The page of a record: its pictures, its sound, why it was reported, and what a person says."""

from dataclasses import dataclass
from datetime import datetime

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from edge.contract.taxonomy import slug
from edge.contract.text import visible
from edge.records.browsing import exactly, unreported_around
from edge.records.comments import comment, comments
from edge.records.detection import Candidate, Detection
from edge.records.reader import RecordReader
from edge.system import clock
from edge.system.days import local
from edge.web.files import clip_file
from edge.web.guard import is_guest
from edge.web.pages.pictures import PictureView, picture_view
from edge.web.pages.rendering import page, root_of
from edge.web.pages.shown import shown_picture
from edge.web.pages.verdicts import told_of
from edge.web.pages.views import MatchView, SpeciesName, matches, named, percent
from edge.web.station import StationView, station_of

_AROUND_MS = 60_000
_MOST_AROUND = 12


@dataclass(frozen=True)
class TopLine:
    """A species of the best window."""

    name: SpeciesName
    score: float
    percent: int | None
    picture: PictureView


@dataclass(frozen=True)
class Unreported:
    """A candidate that was not reported at about the same time."""

    name: SpeciesName
    moment: datetime
    percent: int
    reason: str


def show_record(request: Request) -> Response:
    """A record with all that speaks for it."""
    station = station_of(request)
    with station.records() as reader:
        match = find_match(station, reader, request.path_params["id"])
        if match is None:
            return missing(request)
        return page(
            request,
            "record",
            title=f"{match.name.common}, {match.clock}",
            match=match,
            pictures=_pictures(station, match.record),
            top=[_top(station, candidate) for candidate in match.record.top],
            around=_around(station, reader, match.record),
            sound=sound(station, match.record),
            told=told_of(request, match),
            comments=[] if is_guest(request) else _comments(station, match.record),
        )


def missing(request: Request) -> Response:
    """The page that says that there is no such thing."""
    return page(request, "missing", 404, title="Not found")


def find_match(station: StationView, reader: RecordReader, record_id: str) -> MatchView | None:
    """The record of an id as it is shown; None if there is none."""
    found = exactly(reader, record_id)
    return None if found is None else matches(station, reader, [found])[0]


def sound(station: StationView, record: Detection) -> dict[str, object] | None:
    """The clip and its spectrogram, where they are kept; in words, too."""
    if clip_file(station.path, record.clip) is None:
        return None
    length_s = record.end_s - record.start_s
    return {
        "clip": f"clip/{record.id}",
        "spectrogram": f"spectrogram/{record.id}",
        "words": f"Spectrogram of {visible(record.common_name)}, {length_s:.1f} s, up to 14 kHz",
    }


def take_comment(request: Request, form: dict[str, str]) -> Response:
    """Keep a person's words on a record; leads back to it."""
    station, record_id = station_of(request), request.path_params["id"]
    with station.records() as reader:
        if exactly(reader, record_id) is None:
            return missing(request)
    if text := form.get("comment", "").strip():
        comment(station.path, record_id, text)
    return RedirectResponse(f"{root_of(request)}records/{record_id}", 303)


def _comments(station: StationView, record: Detection) -> list[tuple[datetime, str]]:
    said = comments(station.path, [record.id]).get(record.id, [])
    return [(local(words.said_at, station.zone), visible(words.text)) for words in said]


def _pictures(station: StationView, record: Detection) -> list[PictureView]:
    return [picture_view(station, record.scientific_name, picture) for picture in record.pictures]


def _top(station: StationView, candidate: Candidate) -> TopLine:
    species_id = slug(candidate.scientific_name)
    sure = candidate.probability
    return TopLine(
        name=named(species_id, candidate.scientific_name, candidate.common_name),
        score=candidate.score,
        percent=None if sure is None else percent(sure),
        picture=picture_view(
            station, candidate.scientific_name, shown_picture(station, species_id)
        ),
    )


def _around(station: StationView, reader: RecordReader, record: Detection) -> list[Unreported]:
    """Candidates of the minute around a record."""
    if record.detected_at is None:
        return []
    at = clock.milliseconds(record.detected_at)
    return [
        Unreported(
            name=named(found.species_id, found.scientific_name, found.common_name),
            moment=local(found.moment_ms, station.zone),
            percent=percent(found.confidence),
            reason=visible(found.reason),
        )
        for found in unreported_around(reader, at - _AROUND_MS, at + _AROUND_MS, _MOST_AROUND)
    ]
