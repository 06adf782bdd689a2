"""The page about the bundle: what it knows, whose pictures it shows, and under which licence."""

from collections import Counter
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from edge.contract.errors import BirdlistenError
from edge.contract.text import visible
from edge.records.tally import total
from edge.web.pages.rendering import page
from edge.web.station import StationView, station_of


def show_about(request: Request) -> Response:
    """The bundle, the station, and the licences of the pictures."""
    station = station_of(request)
    with station.records() as reader:
        records = total(reader)
    return page(request, "about", title="About", records=records, **_bundle(station))


def _bundle(station: StationView) -> dict[str, Any]:
    try:
        bundle = station.bundle
    except BirdlistenError as error:
        return {"bundle": None, "problem": str(error)}
    table = bundle.gallery.table
    return {
        "bundle": bundle.manifest,
        "problem": "",
        "species": len(bundle.taxonomy),
        "pictures": len(table),
        "licences": Counter(visible(row.licence) for row in table).most_common(),
        "authors": len({row.author for row in table}),
    }
