"""Pictures of matches beside their lines: where their files lie, and drawn in the terminal."""

import os
from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import partial

from edge.config import Settings
from edge.contract.errors import PictureError
from edge.records.picture_files import HasPicture, PictureFiles
from edge.system.bundles import bundle_here

Draw = Callable[[Sequence[HasPicture]], str | None]
"""Draws the first of some pictures that is here; None if none is."""


def picture_files(settings: Settings) -> PictureFiles:
    """The pictures of the bundle, unless that isn't here, and the station."""
    return PictureFiles(bundle_here(settings.bundle), settings.station_path)


def drawer(settings: Settings) -> Draw | None:
    """Draws pictures, if that is wanted and this is a terminal for it; else None.

    Raises:
        MissingPackageError: Pillow is not installed.
    """
    if not settings.show or settings.json:
        return None
    from edge.recognition.pictures import check_pillow  # numpy: most draw nothing
    from edge.system.drawing import is_drawn, protocol

    if not is_drawn(os.environ):
        return None
    check_pillow()
    return partial(_draw, picture_files(settings), protocol(os.environ))


def _draw(files: PictureFiles, way: str, pictures: Sequence[HasPicture]) -> str | None:
    from edge.recognition.pictures import pixels
    from edge.system.drawing import drawn

    paths = (files.path(picture) for picture in pictures)
    path = next((path for path in paths if path), None)
    with suppress(PictureError, OSError):
        return None if path is None else drawn(way, path, partial(pixels, path))
    return None
