"""API of birdnet-go, version 2: what it says of server, machine and sources."""

import os
import platform
import time
from importlib.metadata import version

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from edge.contract.errors import StoreError
from edge.records import statistics
from edge.records.reader import RecordReader
from edge.records.sources import sources
from edge.system import clock
from edge.system.days import today
from edge.system.machine import processor
from edge.system.zone import zone_name
from edge.web.guard import is_guest
from edge.web.shapes import iso, shaper
from edge.web.station import station_of

_HEARD_MS = 600_000
"""A source that was heard so lately is active; the listener tells every five minutes."""
_BEGUN_S = time.monotonic()


def routes() -> list[BaseRoute]:
    """The routes below `/api/v2`."""
    return [
        Route("/ping", ping),
        Route("/health", health),
        Route("/dashboard/kpis", key_figures),
        Route("/system/info", system_info),
        Route("/system/audio/sources", audio_sources),
        Route("/streams/sources", audio_sources),
        Route("/streams/health", streams_health),
        Route("/control/{action}", control, methods=["POST"]),
    ]


def ping(request: Request) -> Response:
    """Sign of life."""
    return JSONResponse({"status": "ok"})


def health(request: Request) -> Response:
    """Health of server and database."""
    state: dict[str, str] = {"status": "connected"}
    try:
        with station_of(request).records() as records:
            records.last(1)
    except StoreError as error:
        state = {"status": "error", "error": "unreadable" if is_guest(request) else str(error)}
    sound = state["status"] == "connected"
    return JSONResponse(
        {
            "status": "healthy" if sound else "unhealthy",
            "version": version("birdlisten"),
            "build_date": "",
            "timestamp": iso(clock.now()),
            "environment": "production",
            "database": state,
        }
    )


def key_figures(request: Request) -> Response:
    """Key figures of the station."""
    station = station_of(request)
    with station.records() as records:
        figures = statistics.key_figures(records, today(station.zone), station.zone)
    best = figures.best_day
    return JSONResponse(
        {
            "lifetimeSpecies": figures.species,
            "todayDetections": figures.today,
            "bestDay": {"date": str(best[0]) if best else "", "count": best[1] if best else 0},
            "detectionStreak": {
                "days": figures.streak_days,
                "startDate": str(figures.streak_begun or ""),
            },
        }
    )


def system_info(request: Request) -> Response:
    """The machine."""
    guest = is_guest(request)
    return JSONResponse(
        {
            "hostname": "" if guest else platform.node(),
            "platform_version": platform.version(),
            "kernel_version": platform.release(),
            "uptime_seconds": round(time.monotonic()),
            "app_uptime_seconds": round(time.monotonic() - _BEGUN_S),
            "num_cpu": os.cpu_count() or 1,
            "os_display": platform.system(),
            "architecture": platform.machine(),
            "system_model": processor(),
            "time_zone": zone_name(),
            "cpu_model": processor(),
            "environment": "production",
        }
    )


def control(request: Request) -> Response:
    """Refused: this server reads, and leaves the listener alone."""
    return JSONResponse({"error": "the listener is not controlled from here"}, 403)


def audio_sources(request: Request) -> Response:
    """Live sources, by name."""
    with station_of(request).records() as records:
        return JSONResponse({"sources": _live(request, records)})


def streams_health(request: Request) -> Response:
    """Health of the live sources, for those who poll it."""
    with station_of(request).records() as records:
        live = _live(request, records)
    details = [
        {
            "url": source["displayName"],
            "uptime_seconds": 0,
            "health_status": "healthy" if source["state"] == "active" else "unhealthy",
            "bitrate_mbps": 0.0,
        }
        for source in live
    ]
    sound = all(source["state"] == "active" for source in live)
    status = "healthy" if sound else "unhealthy"
    return JSONResponse(
        {"status": status, "last_check": iso(clock.now()), "stream_details": details}
    )


def _live(request: Request, records: RecordReader) -> list[dict[str, str]]:
    """The sources that were listened to."""
    shape, now_ms = shaper(request, records), clock.now_ms()
    return [
        shape.source(source, now_ms - source.listened_ms < _HEARD_MS)
        for source in sources(records)
        if source.listened_ms is not None
    ]
