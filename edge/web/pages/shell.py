"""Shell around the pages: the way in, and what makes an app of a phone of them."""

from pathlib import Path

from starlette.requests import Request
from starlette.responses import FileResponse, JSONResponse, Response

from edge.web.pages.rendering import page

_NOT_YET = 503
_STATIC = Path(__file__).parents[1] / "static"


def show_login(request: Request) -> Response:
    """The way in: a form for the token."""
    is_wrong = "wrong" in request.query_params
    return page(request, "login", 401 if is_wrong else 200, title="Login", is_wrong=is_wrong)


def show_offline(request: Request) -> Response:
    """The page that a browser keeps for when the station can't be reached; it tells nothing."""
    return page(request, "offline", title="Not connected")


def show_problem(request: Request, status: int, problem: str) -> Response:
    """The page that says what is wrong, such as that no record was kept yet."""
    title = "Nothing here yet" if status == _NOT_YET else "This did not work"
    return page(request, "problem", status, title=title, problem=problem)


def show_manifest(request: Request) -> Response:
    """The web app manifest; its addresses are relative to its own."""
    icon = {"src": "static/icon.svg", "sizes": "any", "type": "image/svg+xml"}
    content = {
        "name": "birdlisten",
        "short_name": "birdlisten",
        "start_url": "./",
        "scope": "./",
        "display": "standalone",
        "background_color": "#f6f1e4",
        "theme_color": "#f6f1e4",
        "icons": [icon],
    }
    return JSONResponse(content, media_type="application/manifest+json")


def show_worker(request: Request) -> Response:
    """The service worker: it lies at the root, for it may only serve what lies below it."""
    headers = {"Cache-Control": "no-cache"}
    return FileResponse(_STATIC / "worker.js", media_type="text/javascript", headers=headers)
