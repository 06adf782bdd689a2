"""Headers of every answer: what a browser may do with it, and which other pages may read it."""

from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from edge.web.config import WebConfig
from edge.web.proxy import route_path

POLICY = (
    "default-src 'self'; object-src 'none'; base-uri 'none'; form-action 'self'; "
    "frame-ancestors 'self'"
)
_ALWAYS = {
    "Content-Security-Policy": POLICY,
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "SAMEORIGIN",
    "Referrer-Policy": "same-origin",
    "Permissions-Policy": "camera=(), microphone=(), geolocation=()",
}


class AnswerHeaders:
    """Middleware that adds the headers.

    Args:
        app: inside.
        config: whether guests may look: then pages of others may read the API, without a token.
    """

    def __init__(self, app: ASGIApp, config: WebConfig) -> None:
        self._app, self._config = app, config

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve a request."""
        if scope["type"] != "http":
            return await self._app(scope, receive, send)
        readable = self._config.guests and route_path(scope).startswith("/api/")
        shared = readable and scope["method"] in ("GET", "HEAD")

        async def sent(message: Message) -> None:
            if message["type"] == "http.response.start":
                _complete(MutableHeaders(scope=message), shared)
            await send(message)

        await self._app(scope, receive, sent)


def _complete(headers: MutableHeaders, shared: bool) -> None:
    for name, value in _ALWAYS.items():
        headers.setdefault(name, value)
    headers.setdefault("Cache-Control", "no-cache")
    origin = "cross-origin" if shared else "same-origin"
    headers.setdefault("Cross-Origin-Resource-Policy", origin)
    if shared:
        headers["Access-Control-Allow-Origin"] = "*"
