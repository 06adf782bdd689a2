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


def _add(settings: Settings, given: Given) -> int:
    from edge.command.gallery_add import PicturesRequest, add

    return add(settings, PicturesRequest(**given))


def _replace(settings: Settings, given: Given) -> int:
    from edge.command.gallery_add import PicturesRequest, replace_pictures

    return replace_pictures(settings, PicturesRequest(**given))


def _remove(settings: Settings, given: Given) -> int:
    from edge.command.gallery_remove import RemovalRequest, remove

    return remove(settings, RemovalRequest(**given))


def _merge(settings: Settings, given: Given) -> int:
    from edge.command.gallery_merge import JoinRequest, merge

    return merge(settings, JoinRequest(**given))


def _diff(settings: Settings, given: Given) -> int:
    from edge.command.gallery_merge import JoinRequest, diff

    return diff(settings, JoinRequest(**given))


def _check(settings: Settings, given: Given) -> int:
    from edge.command.gallery_check import check

    return check(settings, given.get("sheet"))


def _choose(settings: Settings, given: Given) -> int:
    from edge.command.gallery_choose import ChoiceRequest, choose

    return choose(settings, ChoiceRequest(**given))


def _tower(settings: Settings, given: Given) -> int:
    from edge.command.gallery_tower import install

    return install(settings, given["tower_file"])


def _pictures(settings: Settings, given: Given) -> int:
    from edge.command.gallery_pictures import FetchRequest, fetch_pictures

    return fetch_pictures(settings, FetchRequest(**given))


ACTIONS: dict[str, Callable[[Settings, Given], int]] = {
    "info": _info,
    "add": _add,
    "remove": _remove,
    "replace": _replace,
    "merge": _merge,
    "diff": _diff,
    "check": _check,
    "choose": _choose,
    "tower": _tower,
    "pictures": _pictures,
}
