"""Files of a station or bundle that are given out: sounds and pictures, and none from elsewhere."""

from contextlib import suppress
from pathlib import Path

from starlette.responses import FileResponse

from edge.clip.store import FOLDER
from edge.contract.errors import PathError
from edge.contract.paths import inside

_TYPES = {
    ".flac": "audio/flac",
    ".opus": "audio/ogg",
    ".wav": "audio/wav",
    ".png": "image/png",
    ".jpg": "image/jpeg",
    ".jpeg": "image/jpeg",
    ".webp": "image/webp",
}
_HEADERS = {"Cache-Control": "private, max-age=86400"}


def file_below(folder: Path, name: str | None) -> Path | None:
    """The file of a name below a folder; None without one, or where that is no sound or picture.

    Args:
        folder: that it may not lead out of.
        name: with its folders, separated by slashes.
    """
    if not name:
        return None
    with suppress(PathError, OSError, ValueError):
        path = inside(folder, *name.split("/"))
        if path.suffix.lower() in _TYPES and path.is_file():
            return path
    return None


def clip_file(station: Path, clip: str | None) -> Path | None:
    """The file of a record's clip; None where it is gone, or its name leads elsewhere.

    The folder of clips may be a link to another disk.
    """
    folder, _, name = (clip or "").partition("/")
    return file_below(station / folder, name) if folder == FOLDER else None


def spectrogram_of(sound: Path | None) -> Path | None:
    """The spectrogram that was written with a clip; None without one."""
    path = sound and sound.with_suffix(".png")
    return path if path and path.is_file() else None


def sent(path: Path) -> FileResponse:
    """The answer that holds a file, whole or in parts (Range)."""
    return FileResponse(path, media_type=_TYPES[path.suffix.lower()], headers=_HEADERS)
