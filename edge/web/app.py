"""The web application: API, pages and static files over one station."""

from pathlib import Path

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Mount
from starlette.staticfiles import StaticFiles

from edge.contract.errors import BirdlistenError, ConfigError
from edge.web.config import WebConfig
from edge.web.pages.routes import routes as pages
from edge.web.station import StationView

HERE = Path(__file__).parent


def create_app(station: Path, bundle: Path, config: WebConfig | None = None) -> Starlette:
    """The application over a station's folder and the bundle that it listens with.

    Args:
        station: its records are only read; reviews are left in its inbox.
        bundle: for names and pictures.
        config: where it is reached, and by whom.
    """
    app = Starlette(routes=_routes(), exception_handlers={BirdlistenError: _refused})
    app.state.station = StationView(station, bundle)
    app.state.config = config or WebConfig()
    return app


def _routes() -> list[BaseRoute]:
    static = StaticFiles(directory=HERE / "static")
    return [Mount("/static", static, name="static"), *pages()]


def _refused(request: Request, error: Exception) -> Response:
    """An error in one line: 400 where the question was wrong, else 503."""
    if isinstance(error, ConfigError):
        return JSONResponse({"error": str(error)}, 400)
    return JSONResponse({"error": str(error)}, 503, {"Retry-After": "5"})
