"""`birdlisten gallery`: one function an action; each loads what it needs when it is used."""

from collections.abc import Callable, Mapping
from typing import Any

from edge.config import Settings

Given = Mapping[str, Any]


def gallery(settings: Settings, action: str, given: Given) -> int:
    """Do something to the gallery of the bundle that the settings name.

    Args:
        settings: of the run.
        action: a key of ACTIONS.
        given: the action's own arguments.
    """
    return ACTIONS[action](settings, given)


def _info(settings: Settings, given: Given) -> int:
    from edge.command.gallery_info import info

    return info(settings)


def _pictures(settings: Settings, given: Given) -> int:
    from edge.command.gallery_pictures import FetchRequest, fetch_pictures

    return fetch_pictures(settings, FetchRequest(**given))


ACTIONS: dict[str, Callable[[Settings, Given], int]] = {
    "info": _info,
    "pictures": _pictures,
}
