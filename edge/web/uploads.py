"""Uploads: pictures and sounds of a species, bounded, under names that nobody but us has made."""

import asyncio
import re
import shutil
import time
from collections.abc import Sequence
from pathlib import Path

from starlette.datastructures import UploadFile
from starlette.exceptions import HTTPException
from starlette.types import Message, Receive, Scope

from edge.contract.errors import ConfigError, StoreError
from edge.recognition import pictures
from edge.source import suffixes
from edge.web.proxy import route_path

PATH = "/add"
"""The one route that takes more than a few kilobytes."""
MOST_BYTES = 48 * 1024 * 1024
"""Of a request: a recorder's memory may hold it once, where its /tmp lies there."""
MOST_FILES = 40
SUFFIXES = (*pictures.SUFFIXES, *suffixes.SUFFIXES)
_PART_S, _WHOLE_S = 20.0, 900.0
"""The next part has come by then, and all of it."""
_SPARE_BYTES = 100_000_000
"""That an upload leaves free."""
_UNSAFE = re.compile(r"[^\w.-]+")
_NAME = 60


def is_upload(scope: Scope) -> bool:
    """True for a request that may bring files."""
    return bool(scope["method"] == "POST" and route_path(scope) == PATH)


def bounded(receive: Receive) -> Receive:
    """A body that is refused once it is too long or too slow, and is never held as a whole."""
    begun, total, is_over = time.monotonic(), 0, False

    async def received() -> Message:
        nonlocal total, is_over
        if is_over:
            return await receive()
        try:
            message = await asyncio.wait_for(receive(), _PART_S)
        except asyncio.TimeoutError:
            raise HTTPException(408, "the files came too slowly") from None
        total += len(message.get("body", b""))
        is_over = not message.get("more_body", False)
        if total > MOST_BYTES:
            raise HTTPException(413, f"more than {MOST_BYTES >> 20} MB at once; send fewer files")
        if time.monotonic() - begun > _WHOLE_S:
            raise HTTPException(408, "the files came too slowly")
        return message

    return received


def keep(files: Sequence[UploadFile], folder: Path) -> list[Path]:
    """Write files to a folder, under safe names that tell which they were.

    Raises:
        ConfigError: there are too many, or one is neither a picture nor a sound.
        StoreError: there is no room.
    """
    if len(files) > MOST_FILES:
        raise ConfigError(f"files: {len(files)}, expected {MOST_FILES} at most")
    free = shutil.disk_usage(folder).free
    if free < _SPARE_BYTES + max((file.size or 0 for file in files), default=0):
        raise StoreError(f"{free >> 20} MB are free on this recorder, too few for these files")
    return [_kept(file, folder / f"{number:02}") for number, file in enumerate(files, 1)]


def _kept(file: UploadFile, place: Path) -> Path:
    named = (file.filename or "").replace("\\", "/").rpartition("/")[2]
    suffix = Path(named).suffix.lower()
    if suffix not in SUFFIXES:
        raise ConfigError(f"{named[-_NAME:]!r} is no file of {', '.join(SUFFIXES)}")
    name = _UNSAFE.sub("_", Path(named).stem)[:_NAME] or "file"
    path = place.with_name(f"{place.name}-{name}{suffix}")
    with path.open("xb") as kept:
        shutil.copyfileobj(file.file, kept)
    file.file.close()  # which may lie on the same disk, and needs to no more
    return path
