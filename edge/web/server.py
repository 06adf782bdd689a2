"""The web server: uvicorn in a process of its own, patient with slow clients, not for ever."""

import logging
import socket
import sys
from collections.abc import Callable
from typing import Any

import uvicorn
from starlette.applications import Starlette
from uvicorn.protocols.http.h11_impl import H11Protocol

from edge.contract.errors import ConfigError, in_words
from edge.web.config import WebConfig
from edge.web.invitation import invite
from edge.web.tokens import FILE_NAME

_LOG = logging.getLogger(__name__)
HEAD_S = 10.0
"""A request's head has come within twice that time, and the rest of an answer is taken."""
_WATCHED = 10
"""Ticks from one look whether it is over to the next."""
_CONNECTIONS, _HEAD_BYTES, _CLOSING_S = 200, 32_768, 3


class PatientProtocol(H11Protocol):
    """Closes a connection that has sent no whole head of a request for a while."""

    _before: object = None

    def connection_made(self, transport: Any) -> None:
        """Begin to watch the connection."""
        super().connection_made(transport)
        self.loop.call_later(HEAD_S, self._watch)

    def _watch(self) -> None:
        """Close it if it serves nothing, and served nothing new since the last look."""
        if self.transport.is_closing():
            # What a client doesn't take now, it never will.
            self.loop.call_later(HEAD_S, self.transport.abort)
            return
        is_idle = self.cycle is None or self.cycle.response_complete
        if is_idle and self.cycle is self._before:
            self.transport.close()
            return
        self._before = self.cycle
        self.loop.call_later(HEAD_S, self._watch)


class StreamingServer(uvicorn.Server):
    """Ends the streams of events before it waits for its clients."""

    is_over: Callable[[], bool] | None = None
    is_to_begin_anew = False

    async def on_tick(self, counter: int) -> bool:
        """Look, ten times a second, whether it shall end."""
        if self.is_over is not None and counter % _WATCHED == 0 and self.is_over():
            self.is_to_begin_anew = True
        return await super().on_tick(counter) or self.is_to_begin_anew

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Stop taking requests, and finish those that are served."""
        application: Any = self.config.app
        await application.state.events.close()
        await super().shutdown(sockets)


def serve(
    app: Starlette, config: WebConfig, listening: socket.socket, is_over: Callable[[], bool]
) -> bool:
    """Serve until a signal ends it.

    Args:
        app: the application.
        config: where it is reached.
        listening: as `listen_at` has it; it stays open, and who calls meanwhile is served next.
        is_over: asked now and then; True ends it, so that another takes its place.

    Returns:
        True if it shall begin anew, with the settings as they are then.
    """
    _LOG.info("web: http://%s/", address_of(listening))
    if not config.is_private:
        _LOG.info("web: the tokens are in %s", app.state.station.path / FILE_NAME)
    if sys.stderr.isatty():
        invite(config, listening.getsockname()[1], sys.stderr)
    server = server_of(app)
    server.is_over = is_over
    server.run(sockets=[listening.dup()])
    return server.is_to_begin_anew


def listen_at(config: WebConfig) -> socket.socket:
    """A socket at the address of the settings.

    Raises:
        ConfigError: there is no such address here, or another program has it.
    """
    family = socket.AF_INET6 if ":" in config.host else socket.AF_INET
    try:
        return socket.create_server((config.host, config.port), family=family)
    except OSError as error:
        raise ConfigError(
            f"web: can't listen at {config.host}, port {config.port} ({in_words(error)}); "
            "see --host, --port"
        ) from error


def address_of(listening: socket.socket) -> str:
    """Host and port, as a URL has them."""
    host, port = listening.getsockname()[:2]
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def server_of(app: Starlette) -> StreamingServer:
    """The server of an application."""
    logging.getLogger("uvicorn").setLevel(logging.WARNING)
    return StreamingServer(
        uvicorn.Config(
            app,
            http=PatientProtocol,
            ws="none",
            log_config=None,
            access_log=False,
            server_header=False,
            proxy_headers=False,
            limit_concurrency=_CONNECTIONS,
            h11_max_incomplete_event_size=_HEAD_BYTES,
            timeout_graceful_shutdown=_CLOSING_S,
        )
    )
