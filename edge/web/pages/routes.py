"""Routes of the pages."""

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from edge.web.pages import about, activity, home, listing, media, pictures, record, shell, species
from edge.web.pages.review import show_review, take_review


def routes() -> list[BaseRoute]:
    """The pages, below the root."""
    return [
        Route("/", home.show_home),
        Route("/now", home.show_now),
        Route("/health", home.show_health),
        Route("/columns", home.show_columns),
        Route("/species", species.show_list),
        Route("/species/{id}", species.show_species),
        Route("/records", listing.show_records),
        Route("/records/{id}", record.show_record),
        Route("/records/{id}/review", _review, methods=["POST"]),
        Route("/clip/{id}", media.show_clip),
        Route("/spectrogram/{id}", media.show_spectrogram),
        Route("/picture/{path:path}", pictures.show_picture),
        Route("/activity", activity.show_activity),
        Route("/review", show_review),
        Route("/about", about.show_about),
        Route("/login", shell.show_login),
        Route("/manifest.webmanifest", shell.show_manifest),
        Route("/worker.js", shell.show_worker),
    ]


async def _review(request: Request) -> Response:
    form = {name: str(value) for name, value in (await request.form()).items()}
    return await run_in_threadpool(take_review, request, form)
