"""A part of a file, to be read as if it were a file of its own."""

import io
import os
from pathlib import Path
from typing import Any


class ByteRange(io.RawIOBase):
    """Bytes of a file from a place to another.

    Args:
        path: of the file.
        start: first byte.
        end: that after the last.
        prefix: comes before them.
    """

    def __init__(self, path: Path, start: int, end: int, prefix: bytes = b"") -> None:
        super().__init__()
        self._file, self._start, self._prefix = path.open("rb"), start, prefix
        self._place, self._size = 0, len(prefix) + end - start

    def readinto(self, buffer: Any) -> int:
        """Read what fits."""
        most, behind = min(len(buffer), max(self._size - self._place, 0)), len(self._prefix)
        if self._place < behind:
            content = self._prefix[self._place :][:most]
        else:
            content = os.pread(self._file.fileno(), most, self._start + self._place - behind)
        buffer[: len(content)] = content
        self._place += len(content)
        return len(content)

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """Go to a place."""
        begun = {io.SEEK_SET: 0, io.SEEK_CUR: self._place, io.SEEK_END: self._size}[whence]
        self._place = max(begun + offset, 0)
        return self._place

    def tell(self) -> int:
        """The place."""
        return self._place

    def readable(self) -> bool:
        """It is."""
        return True

    def seekable(self) -> bool:
        """It is."""
        return True

    def close(self) -> None:
        """Let the file go."""
        self._file.close()
        super().close()
