"""The word of a proxy: who the client is, and how this server is reached from outside.

Only the addresses in `WebConfig.proxies` are believed. `X-Forwarded-Prefix`, or Home Assistant's
`X-Ingress-Path`, is the path below which a proxy shows this server; else the public URL's path is.
"""

import re

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Scope, Send

from edge.web.config import WebConfig

_PREFIX = re.compile(r"(/[\w.~-]{1,100}){0,10}", re.ASCII)
FORWARDED = ("x-forwarded-for", "x-real-ip", "forwarded", "via", "x-ingress-path")
"""Headers of a request that came through a proxy."""


class ProxyWord:
    """Middleware that writes what a proxy says into the request.

    Args:
        app: inside.
        config: whom to believe.
    """

    def __init__(self, app: ASGIApp, config: WebConfig) -> None:
        self._app, self._config = app, config

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve a request as the client has meant it."""
        if scope["type"] == "http":
            scope = {**scope, **self._meant(scope)}
            # A mount lengthens root_path, and finds its part of the path behind that.
            scope["root_path"] = scope["prefix"]
            scope["path"] = scope["prefix"] + route_path(scope)
        await self._app(scope, receive, send)

    def _meant(self, scope: Scope) -> dict[str, object]:
        headers, config = Headers(scope=scope), self._config
        peer = (scope.get("client") or ("", 0))[0]
        host = headers.get("host", "")
        meant: dict[str, object] = {
            "peer": peer,
            "seen_host": host,
            "prefix": config.prefix,
            "forwarded": any(name in headers for name in FORWARDED),
        }
        if peer not in config.proxies:
            return meant
        prefix = headers.get("x-ingress-path") or headers.get("x-forwarded-prefix") or ""
        if prefix and _PREFIX.fullmatch(prefix.rstrip("/")):
            meant["prefix"] = prefix.rstrip("/")
        meant["peer"] = _last(headers, "x-forwarded-for") or peer
        meant["seen_host"] = _last(headers, "x-forwarded-host") or host
        if (scheme := _last(headers, "x-forwarded-proto")) in ("http", "https"):
            meant["scheme"] = scheme
        return meant


def _last(headers: Headers, name: str) -> str:
    """The last word of a list, which the nearest proxy has added."""
    return headers.get(name, "").rpartition(",")[2].strip()[:200]


def route_path(scope: Scope) -> str:
    """The path of a request below the server's own, whether the proxy has left that on or not."""
    path, root = str(scope["path"]), str(scope["prefix"])
    return path[len(root) :] if path == root or path.startswith(f"{root}/") else path
