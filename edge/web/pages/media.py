"""Sound of a record for the page: its clip, and the spectrogram that was written with it."""

from pathlib import Path

from starlette.requests import Request
from starlette.responses import FileResponse, PlainTextResponse, Response

from edge.contract.errors import PathError
from edge.contract.paths import inside
from edge.records.browsing import exactly
from edge.web.station import StationView, station_of

_TYPES = {".flac": "audio/flac", ".opus": "audio/ogg", ".png": "image/png", ".wav": "audio/wav"}
_HEADERS = {"Cache-Control": "private, max-age=86400", "X-Content-Type-Options": "nosniff"}


def show_clip(request: Request) -> Response:
    """The sound; parts of it are given, too."""
    return _file(request, None)


def show_spectrogram(request: Request) -> Response:
    """The picture of the sound."""
    return _file(request, ".png")


def clip_path(station: StationView, clip: str | None) -> Path | None:
    """The file of a clip; None where it is gone, or its name leads elsewhere."""
    folder, *names = (clip or "").split("/")
    if folder != "clips" or not names:
        return None
    try:
        path = inside(station.path / folder, *names)
    except (PathError, OSError, ValueError):
        return None
    return path if path.suffix in _TYPES and path.is_file() else None


def _file(request: Request, suffix: str | None) -> Response:
    station = station_of(request)
    with station.records() as reader:
        found = exactly(reader, request.path_params["id"])
    path = clip_path(station, None if found is None else found.clip)
    if path is not None and suffix is not None:
        path = path.with_suffix(suffix)
    if path is None or not path.is_file():
        return PlainTextResponse("this sound is not kept any more", 404)
    return FileResponse(path, media_type=_TYPES[path.suffix], headers=_HEADERS)
