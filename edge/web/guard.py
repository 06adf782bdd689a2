"""Guard of the web server: who may ask, by which name, from where.

    host      an address, this machine's names, those of the settings: no other page can pose as us
    origin    whatever changes something comes from our own pages, or from no browser
    role      keep may review, look may read; without a token nobody enters but to the way in

A server that only this machine reaches lets everybody keep, but for what came through a proxy.
"""

import socket
from collections.abc import Iterable
from urllib.parse import urlsplit

from starlette.datastructures import Headers
from starlette.requests import HTTPConnection, cookie_parser
from starlette.responses import JSONResponse, RedirectResponse, Response
from starlette.types import ASGIApp, Receive, Scope, Send

from edge.system.address import is_address
from edge.web.config import WebConfig
from edge.web.limits import Bucket
from edge.web.proxy import route_path
from edge.web.tokens import COOKIE, KEEP, LOOK, Tokens

SAFE = ("GET", "HEAD", "OPTIONS")
OPEN = ("/login", "/session", "/offline")
"""Paths that need no token: the way in, and the page of a browser that reaches nothing. What is
below /static needs none either."""
FAILURES_PER_S, FAILURES = 0.1, 20
"""Wrong tokens of an address: so many at once, and one in ten seconds."""
_PROXIED = "this came through a proxy: `birdlisten web` needs --public-url for that"


class Guard:
    """Middleware that lets a request in, with a role, or answers 400, 401, 403 or 429.

    Args:
        app: inside.
        config: names, and whether guests may look.
        tokens: of the station; None where nobody needs one.
        failures: wrong tokens that an address has left.
    """

    def __init__(
        self, app: ASGIApp, config: WebConfig, tokens: Tokens | None, failures: Bucket
    ) -> None:
        self._app, self._config, self._tokens, self._failures = app, config, tokens, failures
        self._names = {name.lower() for name in _names(config)}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve a request, if it may be."""
        if scope["type"] == "http":
            app = self._answer(scope) or self._app
            return await app(scope, receive, send)
        await self._app(scope, receive, send)

    def _answer(self, scope: Scope) -> Response | None:
        """The refusal; None lets it in, and notes its role."""
        headers, path = Headers(scope=scope), route_path(scope)
        if not self._is_ours(scope["seen_host"]):
            return _refusal(
                400, "this server does not go by that name; see --names of birdlisten web"
            )
        if self._failures.is_empty(scope["peer"]):
            return _refusal(429, "too many wrong tokens", {"Retry-After": "10"})
        role = scope["role"] = self._role(scope, headers)
        changes = scope["method"] not in SAFE
        if changes and not self._is_from_us(scope, headers):
            return _refusal(403, "a change comes from a page of this server only")
        if path in OPEN or path.startswith("/static/"):
            return None
        if role is None:
            return _way_in(scope, headers) if self._tokens else _refusal(401, _PROXIED)
        if changes and role != KEEP:
            return _refusal(403, "this token may look, not change")
        return None

    def _role(self, scope: Scope, headers: Headers) -> str | None:
        if self._tokens is None and not scope["forwarded"]:
            return KEEP
        guest = LOOK if self._config.guests else None
        scope["guest"] = True
        if self._tokens is None:
            return guest
        if header := headers.get("authorization"):
            role = self._tokens.role_of_header(header)
            if role is None:
                self._failures.take(scope["peer"])
            scope["by_header"] = role is not None
            scope["guest"] = role is None
            return role
        cookie = cookie_parser(headers.get("cookie", "")).get(COOKIE, "")
        role = self._tokens.role_of_cookie(cookie)
        scope["guest"] = role is None
        return role or guest

    def _is_ours(self, host: str) -> bool:
        """True for any address, which no other's name can lead to, and for our own names."""
        if "@" in host:
            return False
        try:
            name = (urlsplit(f"//{host}").hostname or "").lower()
        except ValueError:
            return False
        return is_address(name) or name in self._names

    def _is_from_us(self, scope: Scope, headers: Headers) -> bool:
        origin, site = headers.get("origin"), headers.get("sec-fetch-site")
        if origin is not None:
            return self._is_own(origin, scope)
        if site is not None:
            return site in ("same-origin", "none")
        # No browser: it has a token in its header, or is on this machine.
        return bool(scope.get("by_header")) or self._tokens is None

    def _is_own(self, origin: str, scope: Scope) -> bool:
        public = urlsplit(self._config.public_url or "").netloc
        own = {scope["seen_host"].lower(), public.lower()} - {""}
        try:
            return urlsplit(origin).netloc.lower() in own
        except ValueError:
            return False


def role_of(request: HTTPConnection) -> str | None:
    """The role of a request: `keep`, `look`, or None on the way in."""
    role: str | None = request.scope.get("role")
    return role


def is_guest(request: HTTPConnection) -> bool:
    """True for a request without a token, where one is needed to be more than a guest."""
    return bool(request.scope.get("guest"))


def _names(config: WebConfig) -> Iterable[str]:
    machine = socket.gethostname()
    label = machine.partition(".")[0]  # which avahi announces
    yield from ("localhost", machine, f"{machine}.local", f"{label}.local", label)
    yield from (config.host, *config.names)
    if config.public_url is not None:
        yield urlsplit(config.public_url).hostname or ""


def _way_in(scope: Scope, headers: Headers) -> Response:
    """401; a browser that wants a page is led to where it can show its token."""
    if scope["method"] == "GET" and "text/html" in headers.get("accept", ""):
        return RedirectResponse(f"{scope['prefix']}/login", 303)
    refusal = {"WWW-Authenticate": 'Bearer realm="birdlisten"'}
    return _refusal(401, "a token is needed; the station's web.json holds it", refusal)


def _refusal(status: int, problem: str, headers: dict[str, str] | None = None) -> Response:
    return JSONResponse({"error": problem}, status, headers)
