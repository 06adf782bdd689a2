"""API of birdnet-go, version 2: records, species, sounds, pictures and events.

Routes, names of fields and whole numbers for ids are its own, so that programs made for it work
here unchanged. What would change the listener is refused: this process only reads.
"""

from functools import partial

from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Mount, Route

from edge.contract.errors import ConfigError
from edge.records.detection import Detection
from edge.records.inbox import CONFIRMED, REJECTED, UNREVIEWED
from edge.records.numbers import record_numbered
from edge.records.reader import RecordReader
from edge.records.search import RecordSearch, found, species_holding
from edge.records.sources import sources
from edge.system.days import span_ms
from edge.web import birdnet_go_analytics, media
from edge.web.events import EventHub, Shapes
from edge.web.parameters import day, first, json_body, share, species_ids, whole
from edge.web.reviews import take_verdict
from edge.web.shapes import pending, shaper
from edge.web.station import station_of

_MOST = 1000
_PAGED = ("queryType", "numResults", "offset")
"""Parameters of the server's own pages: they are told how many records there are, too."""
_VERDICTS = {"correct": CONFIRMED, "false_positive": REJECTED, "unverified": UNREVIEWED}


def routes() -> list[BaseRoute]:
    """The routes below `/api/v2`."""
    return [
        Route("/detections", detections),
        Route("/detections/recent", recent),
        Route("/detections/stream", stream),
        Route("/soundlevels/stream", levels),
        Route("/detections/{number:int}", detection),
        Route("/detections/{number:int}/review", review, methods=["POST"]),
        Mount("/analytics", routes=birdnet_go_analytics.routes()),
        Route("/audio/{number:int}", audio),
        Route("/spectrogram/{number:int}", spectrogram),
        Route("/media/image/{name}", image),
    ]


def detections(request: Request) -> Response:
    """Records by filters, the newest first: a plain list, or a page with its place in all."""
    limit = whole(request, "numResults" if "numResults" in request.query_params else "limit", 100)
    limit, offset = max(1, min(limit, _MOST)), whole(request, "offset", 0)
    with station_of(request).records() as records:
        page = found(records, _search(request, records), limit, offset)
        shaped = shaper(request, records).detections(page.records)
    headers = {"X-Total-Count": str(page.total)}
    if not any(name in request.query_params for name in _PAGED):
        return JSONResponse(shaped, headers=headers)
    place = {
        "total": page.total,
        "limit": limit,
        "offset": offset,
        "current_page": offset // limit + 1,
        "total_pages": -(-page.total // limit),
    }
    return JSONResponse({"data": shaped, **place}, headers=headers)


def recent(request: Request) -> Response:
    """The newest records."""
    limit = whole(request, "limit", 10, _MOST, least=1)
    with station_of(request).records() as records:
        page = found(records, _search(request, records), limit)
        return JSONResponse(shaper(request, records).detections(page.records))


def detection(request: Request) -> Response:
    """A single record."""
    with station_of(request).records() as records:
        shaped = shaper(request, records).detections([_record(request, records)])
    return JSONResponse(shaped[0])


async def review(request: Request) -> Response:
    """A person's verdict on a record, a comment on it, or both.

    `verified` is correct, false_positive or unverified. Locking a record or ignoring its species is
    refused: there is neither here.
    """
    body = await json_body(request)
    said, text = body.get("verified"), body.get("comment") or ""
    if not isinstance(text, str) or not isinstance(said, str | None):
        raise ConfigError("verified, comment: expected a text")
    if said not in _VERDICTS and (said or not text):
        raise ConfigError(f"verified: expected one of {', '.join(_VERDICTS)}")
    if body.get("lock_detection") or body.get("ignore_species"):
        raise ConfigError("lock_detection, ignore_species: neither is known here")
    verdict = _VERDICTS.get(str(said))
    answer = await run_in_threadpool(
        take_verdict, request, _record, verdict=verdict, text=text.strip()
    )
    return JSONResponse({"status": "success", **answer})


def audio(request: Request) -> Response:
    """The sound of a record."""
    with station_of(request).records() as records:
        return media.clip(station_of(request), _record(request, records))


def spectrogram(request: Request) -> Response:
    """The picture of a record's sound."""
    with station_of(request).records() as records:
        return media.spectrogram(station_of(request), _record(request, records))


def image(request: Request) -> Response:
    """The picture of a species, by a name of it."""
    with station_of(request).records() as records:
        species = species_ids(records, request.path_params["name"])
        return media.picture(station_of(request), records, species[0] if species else "")


async def stream(request: Request) -> Response:
    """Records as they come, and what is being heard."""
    hub: EventHub = request.app.state.events
    shapes = Shapes(
        records=lambda records, new: shaper(request, records).detections(new),
        hearing=partial(pending, request),
    )
    return hub.stream(request, shapes)


async def levels(request: Request) -> Response:
    """No levels: the listener tells none; the stream stays open, so that nobody calls again."""
    hub: EventHub = request.app.state.events
    return hub.stream(request, None)


def _search(request: Request, records: RecordReader) -> RecordSearch:
    """The search that a request's parameters mean."""
    begun, ended = day(request, "date", "start_date"), day(request, "date", "end_date")
    zone = station_of(request).zone
    name, text = first(request, "species"), first(request, "search")
    species = None if name is None else species_ids(records, name)
    if text is not None:
        species = species_holding(records, text)
    source, said = first(request, "source"), first(request, "verified")
    return RecordSearch(
        since_ms=None if begun is None else span_ms(begun, zone)[0],
        until_ms=None if ended is None else span_ms(ended, zone)[1],
        species=species,
        least=share(request, "min_confidence", "minConfidence"),
        sources=None if source is None else _sources(records, source),
        verdict=None if said is None else _VERDICTS.get(said, said),
    )


def _sources(records: RecordReader, wanted: str) -> list[str]:
    return [source.name for source in sources(records) if wanted in (source.key, source.name)]


def _record(request: Request, records: RecordReader) -> Detection:
    """The reported record that the path names by its whole number."""
    record = record_numbered(records, request.path_params["number"])
    held = None if record is None else records.find(record)
    if not isinstance(held, Detection):
        raise HTTPException(404, "there is no such record")
    return held
