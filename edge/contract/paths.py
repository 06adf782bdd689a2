"""Paths made of names that others wrote: none leaves the folder that it is meant for."""

import os
import re
from pathlib import Path

from edge.contract.errors import PathError

_PLAIN_NAME = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9._-]{0,199}")


def is_plain_name(name: str) -> bool:
    """True for a file name without separators, leading dots and odd characters."""
    return bool(_PLAIN_NAME.fullmatch(name))


def inside(folder: Path, *names: str) -> Path:
    """The path of a file in a folder, or in folders below it.

    Args:
        folder: may be a link itself.
        names: of the folders below it and of the file, each a plain name.

    Raises:
        PathError: a name isn't plain, or a link below the folder leads out of it.
    """
    for name in names:
        if not is_plain_name(name):
            raise PathError(f"{folder}: {name[:200]!a} is no plain name for a file or folder here")
    path = folder.joinpath(*names)
    root = os.path.realpath(folder)
    if os.path.commonpath([root, os.path.realpath(path)]) != root:
        raise PathError(f"{path}: a link leads out of {folder}; remove it")
    return path
