"""Pictures of birds on a page: a file of the bundle or the station, else a link; with credit."""

from dataclasses import dataclass
from pathlib import Path

from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response

from edge.contract.text import visible
from edge.records.detection import Picture
from edge.web.files import file_below, sent
from edge.web.station import StationView, station_of

_FOLDERS = {"pictures": ("pictures",), "overlay": ("overlay", "pictures")}
"""Places of pictures in a bundle, and in a station: nothing else is handed out."""
_TINTS = 6
"""Colours of a stand-in."""


@dataclass(frozen=True)
class PictureView:
    """A picture as a page shows it; without a file here a stand-in with the species' initials."""

    source: str | None
    """Address below the root."""
    link: str | None
    """The picture's own page, elsewhere: opened only by a click."""
    credit: str
    """Author and licence; empty where there is no picture."""
    initials: str
    tint: int
    similarity: float | None = None


def picture_view(
    station: StationView, scientific_name: str, picture: Picture | None
) -> PictureView:
    """The picture of a species as a page shows it.

    Args:
        station: whose files are shown.
        scientific_name: of the species.
        picture: one of its pictures; None: there is none.
    """
    initials = "".join(word[0] for word in scientific_name.split()[:2]).upper()
    tint = sum(map(ord, scientific_name)) % _TINTS
    if picture is None:
        return PictureView(source=None, link=None, credit="", initials=initials, tint=tint)
    url = picture.url or ""
    return PictureView(
        source=_source(station, picture.file),
        link=url if url.startswith(("https://", "http://")) else None,
        credit=visible(", ".join(filter(None, (picture.author, picture.licence)))),
        initials=initials,
        tint=tint,
        similarity=picture.similarity,
    )


def show_picture(request: Request) -> Response:
    """A picture's file."""
    path = picture_path(station_of(request), request.path_params["path"])
    if path is None:
        return PlainTextResponse("no such picture", 404)
    return sent(path)


def picture_path(station: StationView, file: str) -> Path | None:
    """The file of a picture, as records and galleries name it; None if it isn't here."""
    *folders, _ = file.split("/")
    root = station.bundle_path if folders[:1] == ["pictures"] else station.path
    if tuple(folders) != _FOLDERS.get("".join(folders[:1])):
        return None
    return file_below(root, file)


def _source(station: StationView, file: str | None) -> str | None:
    return None if file is None or picture_path(station, file) is None else f"picture/{file}"
