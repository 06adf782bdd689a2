"""Our own API: records as `--json` tells them, with verdicts, species, days and health.

Below `/api/birdlisten/1`; openapi.yaml beside this file says what each route takes and gives.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from importlib.metadata import version
from typing import Any

from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from edge.contract.errors import ConfigError
from edge.records import statistics
from edge.records.comments import comments
from edge.records.detection import Detection, Rejection
from edge.records.inbox import UNREVIEWED, VERDICTS
from edge.records.numbers import number_of
from edge.records.query import species_named
from edge.records.reader import ID_CHARACTERS, RecordReader
from edge.records.search import RecordSearch, found
from edge.records.sources import key_of, sources
from edge.records.statistics import SpeciesTally
from edge.system import clock
from edge.system.days import span_ms, today
from edge.web import media
from edge.web.events import EventHub, Shapes
from edge.web.guard import is_guest, role_of
from edge.web.parameters import day, first, json_body, share, whole
from edge.web.reviews import take_verdict
from edge.web.station import station_of

_PAGE, _MOST = 100, 1000
_PLACE = ("latitude", "longitude", "root", "volume", "station")
"""Fields that guests are not told."""


def routes() -> list[BaseRoute]:
    """The routes below `/api/birdlisten/1`."""
    return [
        Route("/health", health),
        Route("/records", records_found),
        Route("/records/stream", stream),
        Route("/records/{id}", record),
        Route("/records/{id}/review", review, methods=["POST"]),
        Route("/records/{id}/clip", clip),
        Route("/records/{id}/spectrogram", spectrogram),
        Route("/species", species),
        Route("/species/{id}", species_details),
        Route("/species/{id}/picture", picture),
        Route("/days", days),
    ]


def health(request: Request) -> Response:
    """Version, role of who asks, and when each source was last listened to."""
    guest = is_guest(request)
    with station_of(request).records() as records:
        newest = found(records, RecordSearch(), 1)
        heard = [source for source in sources(records) if source.listened_ms is not None]
    return JSONResponse(
        {
            "version": version("birdlisten"),
            "role": role_of(request),
            "now": clock.iso_utc(clock.now_ms()),
            "clock_synchronised": clock.synchronised(),
            "records": newest.total,
            "newest": newest.records[0].detected_at if newest.records else None,
            "sources": [
                {
                    "id": source.key,
                    "name": source.key if guest else source.name,
                    "listened_until": clock.iso_utc(source.listened_ms or 0),
                }
                for source in heard
            ],
        }
    )


def records_found(request: Request) -> Response:
    """A page of records, the newest first."""
    limit = whole(request, "limit", _PAGE, _MOST, least=1)
    offset = whole(request, "offset", 0)
    with station_of(request).records() as records:
        page = found(records, _search(request, records), limit, offset)
        told = _told(request, records, page.records)
    return JSONResponse({"records": told, "total": page.total, "limit": limit, "offset": offset})


def record(request: Request) -> Response:
    """A single record; one that was not reported with the reason."""
    with station_of(request).records() as records:
        held = _held(request, records)
        reason = held.reason if isinstance(held, Rejection) else None
        told = _told(request, records, [_of(held)])[0]
    return JSONResponse({**told, "not_reported": reason})


async def review(request: Request) -> Response:
    """A person's verdict: confirmed, rejected or unreviewed; `species` if another; `comment`."""
    body = await json_body(request)
    verdict, name, text = body.get("verdict"), body.get("species"), body.get("comment", "")
    if verdict not in VERDICTS or not isinstance(name, str | None) or not isinstance(text, str):
        raise ConfigError(
            f"verdict: expected one of {', '.join(VERDICTS)}; species: a name; comment: a text"
        )
    answer = await run_in_threadpool(
        take_verdict, request, _detection, verdict=str(verdict), name=name, text=text.strip()
    )
    return JSONResponse(answer)


def clip(request: Request) -> Response:
    """The sound of a record."""
    with station_of(request).records() as records:
        return media.clip(station_of(request), _detection(request, records))


def spectrogram(request: Request) -> Response:
    """The picture of a record's sound."""
    with station_of(request).records() as records:
        return media.spectrogram(station_of(request), _detection(request, records))


def species(request: Request) -> Response:
    """The species of a day, or of all time."""
    station, wanted = station_of(request), day(request, "day")
    with station.records() as records:
        if wanted is None:
            tallies = statistics.species_of_all_time(records)
        else:
            tallies = statistics.species_of_day(records, wanted, station.zone)
    return JSONResponse({"species": [_tally(tally) for tally in tallies]})


def species_details(request: Request) -> Response:
    """A species: its records by day and by hour."""
    station, wanted = station_of(request), request.path_params["id"]
    with station.records() as records:
        tallies = statistics.species_of_all_time(records)
        tally = next((tally for tally in tallies if tally.species_id == wanted), None)
        if tally is None:
            raise HTTPException(404, "that species was never reported here")
        by_day = statistics.days_with_records(records, station.zone, wanted)
        hours = statistics.hours_with_records(records, station.zone, wanted)
    told = {**_tally(tally), "hours": list(hours), "days": _by_day(by_day)}
    return JSONResponse(told)


def picture(request: Request) -> Response:
    """The picture of a species."""
    with station_of(request).records() as records:
        return media.picture(station_of(request), records, request.path_params["id"])


def days(request: Request) -> Response:
    """Records of each day that has any."""
    station = station_of(request)
    with station.records() as records:
        by_day = statistics.days_with_records(records, station.zone)
    return JSONResponse({"today": str(today(station.zone)), "days": _by_day(by_day)})


async def stream(request: Request) -> Response:
    """Records as they come, and what is being heard."""
    hub: EventHub = request.app.state.events
    shapes = Shapes(
        records=lambda records, new: _told(request, records, new),
        hearing=lambda now: [
            _shown({"source": source, **asdict(heard)}, is_guest(request)) for source, heard in now
        ],
    )
    return hub.stream(request, shapes)


def _told(
    request: Request, records: RecordReader, told: Sequence[Detection]
) -> list[dict[str, Any]]:
    """Records as `--json` tells them, with their whole number and verdict."""
    ids, station = [record.id for record in told], station_of(request)
    verdicts = records.verdicts(ids)
    said = {} if is_guest(request) else comments(station.path, ids)
    return [
        {
            **_shown(record.to_dict(), is_guest(request)),
            "number": number_of(record.id),
            "verdict": verdict[0] if verdict else UNREVIEWED,
            "verdict_note": verdict[1] if verdict else "",
            "comments": [words.text for words in said.get(record.id, ())],
        }
        for record, verdict in zip(told, verdicts, strict=True)
    ]


def _shown(told: Mapping[str, Any], guest: bool) -> Mapping[str, Any]:
    if not guest:
        return told
    shown = {name: value for name, value in told.items() if name not in _PLACE}
    return {**shown, "source": key_of(told["source"])}


def _search(request: Request, records: RecordReader) -> RecordSearch:
    zone = station_of(request).zone
    begun, ended = day(request, "day", "since"), day(request, "day", "until")
    name, source = first(request, "species"), first(request, "source")
    verdict = first(request, "verdict")
    if verdict is not None and verdict not in VERDICTS:
        raise ConfigError(f"verdict: {verdict!r}, expected {', '.join(VERDICTS)}")
    return RecordSearch(
        since_ms=None if begun is None else span_ms(begun, zone)[0],
        until_ms=None if ended is None else span_ms(ended, zone)[1],
        species=None if name is None else species_named(records, name),
        least=share(request, "min_confidence"),
        sources=None
        if source is None
        else [known.name for known in sources(records) if source in (known.key, known.name)],
        verdict=verdict,
    )


def _held(request: Request, records: RecordReader) -> Detection | Rejection:
    """The record that the path names by its whole id."""
    wanted = request.path_params["id"]
    held = records.find_whole(wanted) if len(wanted) == ID_CHARACTERS else None
    if held is None:
        raise HTTPException(404, "there is no such record")
    return held


def _detection(request: Request, records: RecordReader) -> Detection:
    return _of(_held(request, records))


def _of(held: Detection | Rejection) -> Detection:
    return held.candidate if isinstance(held, Rejection) else held


def _tally(tally: SpeciesTally) -> dict[str, Any]:
    told = asdict(tally)
    first_ms, last_ms, total = (told.pop(name) for name in ("first_ms", "last_ms", "total"))
    told["first"], told["last"] = (
        None if moment is None else clock.iso_utc(moment) for moment in (first_ms, last_ms)
    )
    return {**told, "mean": round(total / tally.records, 4)}


def _by_day(by_day: Mapping[Any, int]) -> dict[str, int]:
    return {str(day): by_day[day] for day in sorted(by_day)}
