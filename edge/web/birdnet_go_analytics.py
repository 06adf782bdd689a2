"""API of birdnet-go, version 2: what it counts, by days, hours and species.

Shapes are its own. A day is one of the station's zone; counts come from the tallies that the
database keeps, so that years cost no more than days.
"""

from collections import Counter, defaultdict
from collections.abc import Sequence
from datetime import date, timedelta
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from edge.contract.errors import ConfigError
from edge.records import statistics
from edge.records.moments import first_of
from edge.records.reader import RecordReader
from edge.records.tally import count, days_of_species, hours, totals
from edge.system.days import local, span_ms, today
from edge.web.parameters import day, first, read_date, share, species_ids, whole
from edge.web.shapes import shaper
from edge.web.station import station_of

_MOST = 1000
_USUAL_DAYS, _MOST_DAYS = 30, 3660
_AT_ONCE = 7
"""Days of a batch."""


def routes() -> list[BaseRoute]:
    """The routes below `/api/v2/analytics`."""
    return [
        Route("/species/daily", species_daily),
        Route("/species/daily/batch", species_of_days),
        Route("/species/summary", species_summary),
        Route("/species/detections/new", new_species),
        Route("/species/diversity", diversity),
        Route("/time/hourly", hourly),
        Route("/time/daily", daily),
        Route("/time/distribution/hourly", hours_of_the_day),
    ]


def species_daily(request: Request) -> Response:
    """The species of a day, which is today unless a date is given, by their hours."""
    wanted = day(request, "date") or today(station_of(request).zone)
    with station_of(request).records() as records:
        return JSONResponse(_day(request, records, wanted))


def species_of_days(request: Request) -> Response:
    """The species of several days, which are given with commas between them."""
    text = first(request, "dates") or ""
    days = [read_date(part, "dates") for part in text.split(",") if part]
    if not 0 < len(days) <= _AT_ONCE:
        raise ConfigError(f"dates: expected 1 to {_AT_ONCE} dates, with commas between them")
    with station_of(request).records() as records:
        return JSONResponse({str(wanted): _day(request, records, wanted) for wanted in days})


def species_summary(request: Request) -> Response:
    """All species that were ever reported, or of some days."""
    station = station_of(request)
    begun, ended = day(request, "start_date"), day(request, "end_date")
    with station.records() as records:
        shape = shaper(request, records)
        if begun is None and ended is None:
            tallies = statistics.species_of_all_time(records)
        else:
            span = _span(begun or date(1971, 1, 1), ended or today(station.zone), request)
            tallies = statistics.species_between(records, *span)
        limit = whole(request, "limit", 0) or None
        return JSONResponse([shape.total(tally, station.zone) for tally in tallies[:limit]])


def new_species(request: Request) -> Response:
    """Species whose first record ever lies within some days, the newest first."""
    zone = station_of(request).zone
    begun, ended = _days(request)
    since_ms, until_ms = _span(begun, ended, request)
    with station_of(request).records() as records:
        shape, found = shaper(request, records), []
        for species in totals(records):
            first_ms = first_of(records, species.species_id)
            if first_ms is not None and since_ms <= first_ms < until_ms:
                number = count(records, since_ms, until_ms, [species.species_id])
                told = shape.new(species, local(first_ms, zone).date(), number)
                found.append((first_ms, told))
    found.sort(key=lambda pair: -pair[0])
    offset, limit = whole(request, "offset", 0), whole(request, "limit", 100, _MOST)
    return JSONResponse([told for _, told in found[offset : offset + limit]])


def diversity(request: Request) -> Response:
    """Count of the species of each day, of some days."""
    begun, ended = _days(request, is_needed=True)
    kinds: dict[date, set[str]] = defaultdict(set)
    with station_of(request).records() as records:
        since_ms, until_ms = _span(begun, ended, request)
        zone = station_of(request).zone
        for at, species_id in days_of_species(records, zone, since_ms, until_ms):
            kinds[at].add(species_id)
    data = [{"date": str(at), "unique_species": len(kinds[at])} for at in sorted(kinds)]
    most = max(map(len, kinds.values()), default=0)
    return JSONResponse({**_told(begun, ended), "data": data, "max_diversity": most})


def hourly(request: Request) -> Response:
    """Records of a species on a day by its hours."""
    wanted, name = day(request, "date"), first(request, "species")
    if wanted is None or name is None:
        raise ConfigError("date, species: both are needed")
    by_hour = _by_hour(request, wanted, wanted)
    counts = [by_hour[hour] for hour in range(statistics.HOURS)]
    told = {"date": str(wanted), "species": name, "counts": counts, "total": sum(counts)}
    return JSONResponse(told)


def daily(request: Request) -> Response:
    """Records of each day that has any, of some days, of all species or of one."""
    begun, ended = _days(request, is_needed=True)
    by_day: Counter[date] = Counter()
    for at, _, number in _hours(request, begun, ended):
        by_day[at] += number
    data = [{"date": str(at), "count": by_day[at]} for at in sorted(by_day)]
    name = first(request, "species")
    told = {**_told(begun, ended), **({"species": name} if name else {})}
    return JSONResponse({**told, "data": data, "total": by_day.total()})


def hours_of_the_day(request: Request) -> Response:
    """Records by the hour of the day, of some days together."""
    by_hour = _by_hour(request, *_days(request))
    every = range(statistics.HOURS)
    return JSONResponse([{"hour": hour, "count": by_hour[hour]} for hour in every])


def _day(request: Request, records: RecordReader, wanted: date) -> list[dict[str, Any]]:
    station, limit = station_of(request), whole(request, "limit", _MOST, _MOST)
    least = share(request, "min_confidence", "minConfidence")
    shape = shaper(request, records)
    tallies = statistics.species_of_day(records, wanted, station.zone, least)
    return [shape.day(tally, station.zone) for tally in tallies[: limit or None]]


def _by_hour(request: Request, begun: date, ended: date) -> Counter[int]:
    by_hour: Counter[int] = Counter()
    for _, hour, number in _hours(request, begun, ended):
        by_hour[hour] += number
    return by_hour


def _hours(request: Request, begun: date, ended: date) -> Sequence[tuple[date, int, int]]:
    name, station = first(request, "species"), station_of(request)
    since_ms, until_ms = _span(begun, ended, request)
    with station.records() as records:
        chosen = None if name is None else species_ids(records, name)
        return [*hours(records, station.zone, since_ms, until_ms, species=chosen)]


def _days(request: Request, is_needed: bool = False) -> tuple[date, date]:
    """First and last day that are asked for; without them the last month."""
    begun, ended = day(request, "start_date"), day(request, "end_date")
    if begun is None and is_needed:
        raise ConfigError("start_date: is needed")
    last = today(station_of(request).zone)
    if begun is None:
        ended = ended or last
        begun = ended - timedelta(days=_USUAL_DAYS)
    ended = ended or min(begun + timedelta(days=_USUAL_DAYS), max(last, begun))
    if ended < begun or (ended - begun).days > _MOST_DAYS:
        raise ConfigError(f"end_date: expected 0 to {_MOST_DAYS} days after start_date")
    return begun, ended


def _span(begun: date, ended: date, request: Request) -> tuple[int, int]:
    zone = station_of(request).zone
    return span_ms(begun, zone)[0], span_ms(ended, zone)[1]


def _told(begun: date, ended: date) -> dict[str, str]:
    return {"start_date": str(begun), "end_date": str(ended)}
