"""Routes of the pages."""

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from edge.web.pages import about, activity, home, listing, media, pictures, record, shell, species
from edge.web.pages.adding import show_adding, take_addition, undo_addition
from edge.web.pages.download import show_download
from edge.web.pages.review import show_review, take_review
from edge.web.pages.settings import show_settings, take_settings


def routes() -> list[BaseRoute]:
    """The pages, below the root."""
    return [
        Route("/", home.show_home),
        Route("/now", home.show_now),
        Route("/health", home.show_health),
        Route("/columns", home.show_columns),
        Route("/species", species.show_list),
        Route("/species/{id}", species.show_species),
        Route("/species/{id}/undo", _undo, methods=["POST"]),
        Route("/add", show_adding),
        Route("/add", take_addition, methods=["POST"]),
        Route("/settings", show_settings),
        Route("/settings", _settings, methods=["POST"]),
        Route("/download", show_download),
        Route("/records", listing.show_records),
        Route("/records/{id}", record.show_record),
        Route("/records/{id}/review", _review, methods=["POST"]),
        Route("/records/{id}/comment", _comment, methods=["POST"]),
        Route("/clip/{id}", media.show_clip),
        Route("/spectrogram/{id}", media.show_spectrogram),
        Route("/picture/{path:path}", pictures.show_picture),
        Route("/activity", activity.show_activity),
        Route("/review", show_review),
        Route("/about", about.show_about),
        Route("/login", shell.show_login),
        Route("/offline", shell.show_offline),
        Route("/manifest.webmanifest", shell.show_manifest),
        Route("/worker.js", shell.show_worker),
    ]


async def _review(request: Request) -> Response:
    return await run_in_threadpool(take_review, request, await _form(request))


async def _comment(request: Request) -> Response:
    return await run_in_threadpool(record.take_comment, request, await _form(request))


async def _undo(request: Request) -> Response:
    return await run_in_threadpool(undo_addition, request, await _form(request))


async def _settings(request: Request) -> Response:
    return await run_in_threadpool(take_settings, request, await _form(request))


async def _form(request: Request) -> dict[str, str]:
    return {name: str(value) for name, value in (await request.form()).items()}
