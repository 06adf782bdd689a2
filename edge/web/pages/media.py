"""Sound of a record for the page: its clip, and the spectrogram that was written with it."""

from pathlib import Path

from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response

from edge.records.browsing import exactly
from edge.web.files import clip_file, sent, spectrogram_of
from edge.web.station import station_of


def show_clip(request: Request) -> Response:
    """The sound; parts of it are given, too."""
    return _answer(_clip(request))


def show_spectrogram(request: Request) -> Response:
    """The picture of the sound."""
    return _answer(spectrogram_of(_clip(request)))


def _clip(request: Request) -> Path | None:
    station = station_of(request)
    with station.records() as reader:
        found = exactly(reader, request.path_params["id"])
    return None if found is None else clip_file(station.path, found.clip)


def _answer(path: Path | None) -> Response:
    return PlainTextResponse("this sound is not kept any more", 404) if path is None else sent(path)
