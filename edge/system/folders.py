"""Folders of a user, as the XDG directories have them."""

import os
from pathlib import Path

from edge.contract.errors import ConfigError


def data_folder() -> Path:
    """Folder of a user's own bundles and networks: the XDG data directory's birdlisten.

    Raises:
        ConfigError: there is no home folder.
    """
    folder = user_folder("XDG_DATA_HOME", ".local/share")
    if folder is None:
        raise ConfigError("there is no home folder (HOME is not set); set XDG_DATA_HOME")
    return folder


def user_folder(variable: str, usual: str) -> Path | None:
    """The birdlisten of an XDG directory; None where a user has no home."""
    if given := os.environ.get(variable):
        return Path(given) / "birdlisten"
    try:
        return Path.home() / usual / "birdlisten"
    except RuntimeError:
        return None
