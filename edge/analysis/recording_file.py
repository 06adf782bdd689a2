"""Recording as a file, and what tells it from all others."""

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

_PART = 1 << 20


@dataclass(frozen=True)
class FileState:
    """A recording as it is now."""

    size: int
    modified_ns: int

    @classmethod
    def of(cls, path: Path) -> "FileState":
        """That of a file; OSError if it has gone."""
        status = path.stat()
        return cls(status.st_size, status.st_mtime_ns)


@dataclass(frozen=True)
class RecordingFile:
    """A recording, and what tells it from all others."""

    path: Path
    source: str
    """As it was given, or relative to the folder that was."""
    root: str | None
    """That folder."""
    volume: str | None
    """The file system it lies on; None of a file that isn't there."""

    @property
    def key(self) -> tuple[str, str | None, str | None]:
        """Source, root and volume."""
        return self.source, self.root, self.volume

    def __str__(self) -> str:
        return str(self.path)

    def state(self) -> FileState:
        """It as it is now; OSError if it has gone."""
        return FileState.of(self.path)

    def digest(self) -> str | None:
        """SHA-256 of its content, where that is at hand; OSError if it has gone."""
        return digest(self.path)

    @contextmanager
    def fetched(self) -> Iterator["RecordingFile"]:
        """It as a file here, for a while."""
        yield self


def digest(path: Path) -> str:
    """SHA-256 of a file."""
    found = hashlib.sha256()
    with path.open("rb") as file:
        while part := file.read(_PART):
            found.update(part)
    return found.hexdigest()
