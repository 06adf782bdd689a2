"""Recordings in an object store: listed here, and fetched by whoever hears them (pyarrow)."""

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any
from urllib.parse import urlsplit

from edge.analysis.recording_file import FileState, RecordingFile
from edge.contract.errors import AudioError, MissingPackageError, in_words
from edge.contract.text import well_formed
from edge.source.suffixes import SUFFIXES
from edge.source.tree import EXPECTED


@dataclass(frozen=True)
class RemoteRecording(RecordingFile):
    """A recording in a store, with its size and time as they were listed; its path is a name.

    Its volume is the store.
    """

    url: str
    """As it was given: of the store's folder, or of the recording itself."""
    place: str
    """The recording's, as the store has it."""
    size: int
    modified_ns: int

    def __str__(self) -> str:
        return self.source if self.root is None else f"{self.root.rstrip('/')}/{self.source}"

    def state(self) -> FileState:
        """It as it was listed."""
        return FileState(self.size, self.modified_ns)

    def digest(self) -> None:
        """It is not fetched only to be compared."""

    @contextmanager
    def fetched(self) -> Iterator[RecordingFile]:
        """It as a file here, which goes afterwards.

        Raises:
            AudioError: it can't be fetched, or what was heard of it is at fault.
        """
        with tempfile.TemporaryDirectory(prefix="birdlisten-") as folder:
            path = Path(folder) / self.path.name
            try:
                system, _ = _opened(self.url)
                with system.open_input_stream(self.place) as store, path.open("wb") as file:
                    shutil.copyfileobj(store, file)
            except OSError as error:
                raise AudioError(f"{self}: can't be fetched ({in_words(error)})") from error
            try:
                yield RecordingFile(path, self.source, self.root, self.volume)
            except AudioError as error:
                raise AudioError(str(error).replace(str(path), str(self))) from error


def find_remote(url: str) -> list[RemoteRecording]:
    """The recordings of a store's folder, or the one that a URL names, in order.

    Raises:
        AudioError: nothing is there, the store doesn't answer, or its kind is unknown.
        MissingPackageError: pyarrow is not installed.
    """
    system, place = _opened(url)
    from pyarrow.fs import FileSelector, FileType

    try:
        named = system.get_file_info(place)
        if named.type == FileType.File:
            return [_recording(named, url, None)]
        listed = system.get_file_info(FileSelector(place, recursive=True))
    except OSError as error:
        raise AudioError(f"{url}: {in_words(error)}") from error
    below = {found.path.removeprefix(place).lstrip("/"): found for found in listed}
    found = [
        _recording(info, url, name)
        for name, info in sorted(below.items())
        if info.type == FileType.File and _is_heard(name)
    ]
    if not found:
        raise AudioError(f"{url}: no audio files here; expected {EXPECTED}")
    return found


def _opened(url: str) -> tuple[Any, str]:
    """A store, and the place in it that a URL names."""
    if "@" in urlsplit(url).netloc:
        raise AudioError(
            f"{_named(url)}: credentials in a URL end in tables and logs; give them as the store's "
            "own variables, such as AWS_ACCESS_KEY_ID"
        )
    try:
        from pyarrow.fs import FileSystem
    except ImportError as error:
        raise MissingPackageError(
            f"{url}: needs {error.name}: pip install 'birdlisten[tables]'"
        ) from error
    try:
        system, place = FileSystem.from_uri(url)
    except (OSError, ValueError) as error:
        problem = in_words(error).splitlines()[0]
        raise AudioError(f"{url}: not the URL of a store ({problem}); such as s3://...") from error
    return system, place


def _is_heard(name: str) -> bool:
    """It is named as a recording, and not hidden."""
    path = PurePosixPath(name)
    return path.suffix.lower() in SUFFIXES and not any(part.startswith(".") for part in path.parts)


def _recording(info: Any, url: str, name: str | None) -> RemoteRecording:
    """A recording below the URL, or at it if it has no name."""
    named = well_formed(_named(url))
    return RemoteRecording(
        path=Path(PurePosixPath(info.path).name),
        source=named if name is None else well_formed(name),
        root=None if name is None else named,
        volume=named.partition("://")[0] + "://" + urlsplit(named).netloc,
        url=url,
        place=info.path,
        size=info.size or 0,
        modified_ns=info.mtime_ns or 0,
    )


def _named(url: str) -> str:
    """A URL as records have it: without credentials, and without what only opens the store."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}"
