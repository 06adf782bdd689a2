"""The web server: uvicorn, in its own process beside the listener."""

import logging

import uvicorn
from starlette.applications import Starlette

from edge.web.config import WebConfig

_LOG = logging.getLogger(__name__)


def serve(app: Starlette, config: WebConfig) -> None:
    """Serve until a signal ends it."""
    server = uvicorn.Server(
        uvicorn.Config(
            app,
            host=config.host,
            port=config.port,
            log_config=None,
            access_log=False,
            server_header=False,
            proxy_headers=False,
            timeout_graceful_shutdown=3,
        )
    )
    server.run()
