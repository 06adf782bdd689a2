"""Routes of the pages."""

from starlette.routing import BaseRoute


def routes() -> list[BaseRoute]:
    """The pages, below the root."""
    return []
