"""Pictures of birds on a page: a file of the bundle or the station, else a link; with credit."""

from dataclasses import dataclass

from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response

from edge.contract.picture_source import picture_page
from edge.contract.text import visible
from edge.records.detection import Picture
from edge.web.files import sent
from edge.web.station import StationView, station_of

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
    url = picture_page(picture.url or "")
    place = station.pictures.place(picture)
    return PictureView(
        source=None if place is None else f"picture/{place}",
        link=url if url.startswith(("https://", "http://")) else None,
        credit=visible(", ".join(filter(None, (picture.author, picture.licence)))),
        initials=initials,
        tint=tint,
        similarity=picture.similarity,
    )


def show_picture(request: Request) -> Response:
    """A picture's file."""
    path = station_of(request).pictures.at(request.path_params["path"])
    if path is None:
        return PlainTextResponse("no such picture", 404)
    return sent(path)
