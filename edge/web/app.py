"""The web application: API, pages and static files over one station.

A request passes, from outside in: what a proxy says of it, its answer's headers, its limits, the
guard; then the routes. Pages and API alike have a role by then (`edge.web.guard.role_of`), and what
changes something has been allowed.
"""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path

from anyio import to_thread
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import FileResponse, JSONResponse, Response
from starlette.routing import BaseRoute, Mount, Route
from starlette.staticfiles import StaticFiles

from edge.contract.errors import BirdlistenError, ConfigError
from edge.web import api, birdnet_go, birdnet_go_system, session
from edge.web.additions import AdditionDesk
from edge.web.config import WebConfig
from edge.web.events import EventHub
from edge.web.guard import FAILURES, FAILURES_PER_S, Guard
from edge.web.headers import AnswerHeaders
from edge.web.limits import Bucket, Limits
from edge.web.pages.routes import routes as pages
from edge.web.pages.shell import show_problem
from edge.web.proxy import ProxyWord
from edge.web.station import StationView
from edge.web.tokens import read_tokens

HERE = Path(__file__).parent
_THREADS = 4
"""That answer at a time."""


def create_app(
    station: Path,
    bundle: Path,
    config: WebConfig | None = None,
    additions: AdditionDesk | None = None,
) -> Starlette:
    """The application over a station's folder and the bundle that it listens with.

    Args:
        station: its records are only read; reviews are left in its inbox.
        bundle: for names and pictures.
        config: where it is reached, and by whom.
        additions: desk that outlives it; None: one of its own.

    Raises:
        StoreError: tokens are needed, and can't be read or made.
    """
    config = config or WebConfig()
    tokens = None if config.is_private else read_tokens(station)
    failures = Bucket(FAILURES_PER_S, FAILURES)
    app = Starlette(
        routes=_routes(),
        middleware=[
            Middleware(ProxyWord, config=config),
            Middleware(AnswerHeaders, config=config),
            Middleware(Limits, config=config),
            Middleware(Guard, config=config, tokens=tokens, failures=failures),
        ],
        exception_handlers={BirdlistenError: _told, HTTPException: _refused},
        lifespan=_lifespan,
    )
    app.state.station, app.state.config = StationView(station, bundle, config.language), config
    app.state.tokens, app.state.failures = tokens, failures
    app.state.events = EventHub(app.state.station, config)
    app.state.additions = additions or AdditionDesk(station, bundle)
    return app


def _routes() -> list[BaseRoute]:
    return [
        Mount("/static", StaticFiles(directory=HERE / "static"), name="static"),
        Mount("/api/v2", routes=[*birdnet_go_system.routes(), *birdnet_go.routes()]),
        Mount("/api/birdlisten/1", routes=api.routes()),
        Route("/api/openapi.yaml", _description),
        *session.routes(),
        *pages(),
    ]


@asynccontextmanager
async def _lifespan(app: Starlette) -> AsyncIterator[None]:
    # Each thread has a stack, and a cache of the database: on a small machine more are not faster.
    to_thread.current_default_thread_limiter().total_tokens = _THREADS
    yield
    await app.state.events.close()


def _description(request: Request) -> Response:
    """The API in the words of OpenAPI."""
    return FileResponse(HERE / "openapi.yaml", media_type="application/yaml")


def _told(request: Request, error: Exception) -> Response:
    """An error in one line: 400 where the question was wrong, else 503."""
    if isinstance(error, ConfigError):
        return _problem(request, 400, str(error))
    return _problem(request, 503, str(error), {"Retry-After": "5"})


def _refused(request: Request, error: Exception) -> Response:
    """A refusal of a route, such as 404."""
    assert isinstance(error, HTTPException)
    return _problem(request, error.status_code, error.detail, error.headers)


def _problem(
    request: Request, status: int, problem: str, headers: Mapping[str, str] | None = None
) -> Response:
    """A problem as JSON; to a browser that wants a page as a page."""
    if "text/html" not in request.headers.get("accept", ""):
        return JSONResponse({"error": problem}, status, headers)
    answer = show_problem(request, status, problem)
    answer.headers.update(headers or {})
    return answer
