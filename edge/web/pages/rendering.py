"""Rendering of a page: its template, with what all pages show.

Every address on a page is relative, made by the depth of the page's own: so it works below any
path, whether a proxy tells of that or not.
"""

from datetime import datetime
from functools import cache
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response

from edge.contract.text import counted, visible
from edge.web.guard import role_of
from edge.web.pages.health import health_lines
from edge.web.station import station_of
from edge.web.tokens import KEEP

_TEMPLATES = Path(__file__).parents[1] / "templates"


def page(request: Request, template: str, status: int = 200, **values: Any) -> Response:
    """A page in HTML.

    Args:
        request: that asked for it.
        template: its name without the ending.
        status: of HTTP.
        values: of the template.
    """
    station = station_of(request)
    common = {
        "root": root_of(request),
        "at": local_path(request).split("/")[1],
        "health": health_lines(station),
        "may_keep": role_of(request) == KEEP,
    }
    content = _environment().get_template(f"{template}.html").render({**common, **values})
    return HTMLResponse(content, status, {"Cache-Control": "private, no-store"})


def compile_templates() -> None:
    """Compile all of them now, rather than each when its page is first asked for."""
    templates = _environment()
    for name in templates.list_templates():
        templates.get_template(name)


def root_of(request: Request) -> str:
    """The way from a page's address to the root: `./`, `../`, ..."""
    depth = local_path(request).count("/") - 1
    return "../" * depth or "./"


def local_path(request: Request) -> str:
    """The path below the root, of a server that knows where it is mounted, or doesn't."""
    path, root = request.scope["path"], request.scope.get("root_path", "")
    return str(path.removeprefix(root) if path.startswith(f"{root}/") else path)


@cache
def _environment() -> Environment:
    made = Environment(
        loader=FileSystemLoader(_TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.filters |= {"visible": visible, "short_day": _short_day, "thousands": _thousands}
    made.globals |= {"counted": _counted}
    return made


def _short_day(moment: datetime) -> str:
    return f"{moment.day} {moment:%b %Y}"


def _thousands(number: int) -> str:
    return f"{number:,}".replace(",", "\u202f")


def _counted(number: int, noun: str) -> str:
    """`1 record`, `2 records`; thousands set apart."""
    return counted(number, noun).replace(str(number), _thousands(number), 1)
