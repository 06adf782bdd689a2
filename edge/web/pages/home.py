"""The first page: what is heard now, the last matches, and the species of a day."""

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from edge.records.browsing import browse
from edge.records.live_file import heard_now, live_states
from edge.records.live_state import HeardNow, LiveState
from edge.records.search import RecordSearch
from edge.system.days import today
from edge.web.guard import is_guest
from edge.web.pages.asked import day_asked
from edge.web.pages.day import day_view
from edge.web.pages.pictures import picture_view
from edge.web.pages.rendering import page
from edge.web.pages.shown import shown_picture
from edge.web.pages.spectrogram import columns_after
from edge.web.pages.views import matches, named, percent
from edge.web.station import StationView, station_of

_CARDS = 9


def show_home(request: Request) -> Response:
    """The page of a day; of today with what is heard now."""
    return _home(request, "home")


def show_now(request: Request) -> Response:
    """The parts of it that change by themselves."""
    return _home(request, "now")


def show_health(request: Request) -> Response:
    """The line of the listener's health."""
    return page(request, "health")


def show_columns(request: Request) -> Response:
    """The newest columns of the spectrogram, behind those that are known."""
    after = request.query_params.get("after", "")
    found = columns_after(station_of(request).path, int(after) if after.isdecimal() else 0)
    return JSONResponse(found, headers={"Cache-Control": "no-store"})


def _home(request: Request, template: str) -> Response:
    station = station_of(request)
    zone = station.zone
    day = day_asked(request.query_params, "day", zone)
    with station.records() as reader:
        newest = browse(reader, RecordSearch(), most=_CARDS).records
        return page(
            request,
            template,
            title="Now" if day == today(zone) else f"{day:%A}, {day.day} {day:%B %Y}",
            is_today=day == today(zone),
            view=day_view(reader, day, zone),
            may_take=not is_guest(request),
            cards=matches(station, reader, newest),
            hearing=_hearing(station),
            has_spectrogram=any(_shows(state) for state in live_states(station.path)),
        )


def _shows(state: LiveState) -> bool:
    return state.is_current and state.spectrogram is not None


def _hearing(station: StationView) -> list[dict[str, object]]:
    """Species that pass now, in all sources."""
    return [
        {
            "name": named(heard.species_id, heard.scientific_name, heard.common_name),
            "heard": heard,
            "percent": percent(heard.confidence),
            "picture": _picture(station, heard),
        }
        for _, heard in heard_now(station.path)
    ]


def _picture(station: StationView, heard: HeardNow) -> object:
    shown = shown_picture(station, heard.species_id)
    return picture_view(station, heard.scientific_name, shown)
