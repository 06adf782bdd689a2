"""Lock of a station: its records have one writer, which others can name."""

import errno
import fcntl
import json
import os
import time
from pathlib import Path
from types import TracebackType

from edge.contract.errors import StoreError
from edge.system import clock

FILE_NAME = "birdlisten.lock"
_NO_LOCKS = (errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP)
"""A file system that knows none: then nobody is kept out."""
_PATIENCE_S = 3.0
"""A command that only takes up a review has it for a moment."""


class StationInUse(StoreError):
    """Another process writes this station."""


class StationLock:
    """Held by the writer of a station's records; the system takes it back when a process dies.

    Args:
        station: the station's folder, which must exist.
        patience_s: whoever has it only for a moment is waited for.
        name: of another lock's file, which keeps other doings apart.
    """

    def __init__(
        self, station: Path, patience_s: float = _PATIENCE_S, name: str = FILE_NAME
    ) -> None:
        self._station, self._path = station, station / name
        self._patience_s = patience_s
        self._descriptor: int | None = None

    def take(self) -> None:
        """Take it, or say who has it.

        Raises:
            StationInUse: another process has it.
            StoreError: the folder can't be written.
        """
        self.release()
        try:
            descriptor = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)
        except OSError as error:
            raise StoreError(f"{self._path}: {error.strerror}") from error
        try:
            self._lock(descriptor, time.monotonic() + self._patience_s)
        except BaseException:
            os.close(descriptor)
            raise
        self._descriptor = descriptor
        self._sign(descriptor)

    def release(self) -> None:
        """Let others have it."""
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None

    def is_current(self) -> bool:
        """False once its file was taken away: then it keeps nobody out."""
        if self._descriptor is None:
            return False
        try:
            return os.path.samestat(self._path.stat(), os.fstat(self._descriptor))
        except OSError:
            return False

    def __enter__(self) -> "StationLock":
        self.take()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.release()

    def _lock(self, descriptor: int, until: float) -> None:
        while True:
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                return
            except BlockingIOError:
                if time.monotonic() >= until:
                    raise StationInUse(self._in_use(descriptor)) from None
                time.sleep(0.05)
            except OSError as error:
                if error.errno not in _NO_LOCKS:
                    raise StoreError(f"{self._path}: {error.strerror}") from error
                return

    def _in_use(self, descriptor: int) -> str:
        return (
            f"{self._station}: in use by {_holder(descriptor)}; stop that one, or name another "
            "station: --station DIR"
        )

    def _sign(self, descriptor: int) -> None:
        """Say who holds it; a full disk is no reason not to."""
        signed = {"process": os.getpid(), "since": clock.iso_utc(clock.now_ms())}
        try:
            os.ftruncate(descriptor, 0)
            os.pwrite(descriptor, json.dumps(signed).encode(), 0)
        except OSError:
            pass


def _holder(descriptor: int) -> str:
    try:
        signed = json.loads(os.pread(descriptor, 4096, 0))
        return f"another birdlisten (process {signed['process']:d}, since {signed['since']:.24})"
    except (OSError, ValueError, KeyError, TypeError):
        return "another birdlisten"
