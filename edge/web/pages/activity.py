"""The page of activity: days by hours, and the calendar of a year."""

from starlette.requests import Request
from starlette.responses import Response

from edge.contract.errors import ConfigError
from edge.records.tally import totals
from edge.web.pages.asked import day_asked
from edge.web.pages.charts import SHADES, calendar, heatmap
from edge.web.pages.rendering import page
from edge.web.pages.views import named
from edge.web.station import station_of

_LENGTHS = (14, 28, 56)
_YEARS = range(1990, 2200)


def show_activity(request: Request) -> Response:
    """Activity of all species, or of one."""
    station, query = station_of(request), request.query_params
    zone = station.zone
    last = day_asked(query, "to", zone)
    length = _number(query.get("days"), "days", _LENGTHS, _LENGTHS[1])
    year = _number(query.get("year"), "year", _YEARS, last.year)
    chosen = query.get("species") or None
    species = None if chosen is None else [chosen]
    with station.records() as reader:
        names = [named(*found[:3]) for found in totals(reader)]
        rows = heatmap(reader, last, length, zone=zone, species=species)
        months = calendar(reader, year, zone, species)
    return page(
        request,
        "activity",
        title="Activity",
        rows=rows,
        months=months,
        year=year,
        last=last,
        length=length,
        lengths=_LENGTHS,
        shades=range(1, SHADES + 1),
        species=sorted(names, key=lambda name: name.common.casefold()),
        chosen=chosen,
    )


def _number(text: str | None, name: str, allowed: range | tuple[int, ...], usual: int) -> int:
    if not text:
        return usual
    if text.isdecimal() and len(text) < 5 and int(text) in allowed:
        return int(text)
    raise ConfigError(f"{name}: {text[:40]!r}, expected one of {allowed[0]} to {allowed[-1]}")
