"""Journal: a file of fixed size that takes records beside the database.

    birdlisten.waiting      head: magic, epoch; then frames: epoch, length, CRC-32, content

Its room is taken when it is made, so that it takes records on a full disk, too. A frame that is
synced survives a crash. Nothing is ever deleted: the next epoch makes what is there old.
"""

import os
import struct
import zlib
from collections.abc import Iterator, Sequence
from pathlib import Path

FILE_NAME = "birdlisten.waiting"
_MAGIC = b"blwait1\n"
_HEAD = struct.Struct("<8sI")
_FRAME = struct.Struct("<III")
_FIRST = 4096
"""Offset of the first frame: the head has a page for itself."""


class Journal:
    """Frames in a file, in order.

    Args:
        folder: where the file is, or is made.
        size: of it, in bytes.
        name: of it.

    Raises:
        OSError: there is no room, or the folder can't be written.
    """

    def __init__(self, folder: Path, size: int, name: str = FILE_NAME) -> None:
        flags = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC
        self._path = folder / name
        self._file = os.open(self._path, flags, 0o666)
        try:
            self._take_room(size)
            self._size = size
            self.epoch, self._end = self._read_head(), _FIRST
            for content in self.frames():
                self._end += _FRAME.size + len(content)
        except BaseException:
            os.close(self._file)
            raise

    @property
    def free(self) -> int:
        """Bytes that frames can still take."""
        return self._size - self._end

    @property
    def is_empty(self) -> bool:
        """True if no frame is waiting."""
        return self._end == _FIRST

    def is_there(self) -> bool:
        """False once the file was taken away: then nobody will find what is in it."""
        try:
            return os.path.samestat(os.fstat(self._file), self._path.stat())
        except OSError:
            return False

    def add(self, contents: Sequence[bytes]) -> int:
        """Add frames, as many as there is room for; once this returns they survive a crash.

        Returns:
            How many.

        Raises:
            OSError: the disk doesn't take them; none of them is added.
        """
        frames, room = [], self.free
        for content in contents:
            frame = _FRAME.pack(self.epoch, len(content), zlib.crc32(content)) + content
            if len(frame) > room:
                break
            room -= len(frame)
            frames.append(frame)
        if frames:
            self._write(b"".join(frames), self._end)
            self._end = self._size - room
        return len(frames)

    def frames(self) -> Iterator[bytes]:
        """Contents of the frames, oldest first, up to the first that isn't whole."""
        at = _FIRST
        while at + _FRAME.size <= self._size:
            head = os.pread(self._file, _FRAME.size, at)
            if len(head) < _FRAME.size:
                return
            epoch, length, check = _FRAME.unpack(head)
            if epoch != self.epoch or length > self._size - at - _FRAME.size:
                return
            content = os.pread(self._file, length, at + _FRAME.size)
            if len(content) < length or zlib.crc32(content) != check:
                return
            yield content
            at += _FRAME.size + length

    def clear(self, epoch: int | None = None) -> None:
        """Begin again: what is there has been taken up.

        Args:
            epoch: to begin; None takes the next one.

        Raises:
            OSError: the disk doesn't take it; then it is all still there.
        """
        if not self.is_empty or epoch is not None:
            self._begin((self.epoch + 1 if epoch is None else epoch) % (1 << 32))

    def remove(self) -> None:
        """Give its room back, with what is in it."""
        self._path.unlink(missing_ok=True)

    def close(self) -> None:
        """Leave it, with what is in it."""
        os.close(self._file)

    def _take_room(self, size: int) -> None:
        new = os.fstat(self._file).st_size == 0
        try:
            os.posix_fallocate(self._file, 0, size)
        except OSError:
            if new:  # half of it is of no use, and in the way of others
                self._path.unlink(missing_ok=True)
            raise

    def _read_head(self) -> int:
        content = os.pread(self._file, _HEAD.size, 0)
        magic, epoch = _HEAD.unpack(content.ljust(_HEAD.size, b"\0"))
        if magic == _MAGIC:
            return int(epoch)
        self._begin(1)
        return 1

    def _begin(self, epoch: int) -> None:
        self._write(_HEAD.pack(_MAGIC, epoch), 0)
        self.epoch, self._end = epoch, _FIRST

    def _write(self, content: bytes, at: int) -> None:
        while content:
            written = os.pwrite(self._file, content, at)
            content, at = content[written:], at + written
        os.fdatasync(self._file)
