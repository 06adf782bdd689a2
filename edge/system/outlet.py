"""Outlet: lines to stdout or stderr, by a thread that alone waits for whoever reads them."""

import errno
import io
import logging
import os
import queue
import select
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from types import TracebackType
from typing import TextIO

from edge.system.throttle import RateLimitedLog, reason

_LOG = logging.getLogger(__name__)
_MOST_LINES = 1000
_CHUNK_BYTES = 512
"""A pipe that is ready takes as many without waiting (PIPE_BUF of POSIX, at least)."""
_LOOK_S = 0.2
_NAMES = {1: "stdout", 2: "stderr"}
_LAST_S = 1.0
"""At the end nobody is waited for any longer."""


class Outlet:
    """Writes lines to a stream. Trouble with it is told, and never is its caller's.

    Used as a context; `write` never waits.

    Args:
        stream: stdout or stderr. What its encoding can't say is escaped.
        patient: every line is wanted: `wait_for_room` holds up whoever makes them, and leaving
            waits. Else what nobody reads is left out, counted and told.
    """

    def __init__(self, stream: TextIO, patient: bool = False) -> None:
        self._stream, self._patient = stream, patient
        self._descriptor = _descriptor(stream)
        self._name = _NAMES.get(self._descriptor or 0, "the output")
        self._lines: queue.Queue[str | None] = queue.Queue(0 if patient else _MOST_LINES)
        self._broken = self._given_up = False
        self._tell = RateLimitedLog(_LOG, logging.ERROR)
        self._thread = threading.Thread(target=self._run, name="outlet", daemon=True)

    def write(self, line: str) -> None:
        """Queue a line, without its end.

        Raises:
            BrokenPipeError: its reader has gone.
        """
        self._check()
        try:
            self._lines.put_nowait(line)
        except queue.Full:
            self._leave_out("nobody reads it")

    def wait_for_room(self) -> None:
        """Wait until not too much is queued.

        Raises:
            BrokenPipeError: its reader has gone.
        """
        while self._lines.qsize() > _MOST_LINES:
            self._check()
            time.sleep(_LOOK_S)

    def __enter__(self) -> "Outlet":
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Write what is queued.

        Raises:
            BrokenPipeError: its reader has gone.
        """
        patience_s = None if self._patient and error is None else _LAST_S
        with suppress(queue.Full):
            self._lines.put(None, timeout=patience_s)
            self._thread.join(patience_s)
        self._given_up = True
        if error is None:
            self._check()

    def _check(self) -> None:
        if self._broken:
            raise BrokenPipeError(errno.EPIPE, f"{self._name}: nobody reads it any more")

    def _run(self) -> None:
        while (line := self._lines.get()) is not None and not self._given_up:
            try:
                self._put(line + "\n")
            except BrokenPipeError:
                self._broken = True
            except Exception as error:  # whatever it is: the next line may find its way
                self._leave_out(reason(error))

    def _put(self, text: str) -> None:
        if self._descriptor is None:  # a stream without a file, as of a test
            self._stream.write(text)
            return
        content = text.encode(self._stream.encoding, "backslashreplace")
        while content and not self._given_up:
            if _is_ready(self._descriptor) and not self._given_up:
                content = content[_write(self._descriptor, content[:_CHUNK_BYTES]) :]

    def _leave_out(self, why: str) -> None:
        self._tell(f"{self._name}: {why}; lines are left out, and records kept all the same")


def ensure_streams() -> None:
    """Lead what is closed of stdin, stdout and stderr to nobody.

    Else the next file that is opened, such as the database, would be taken for one of them.
    `sys.stdin` stays None: who needs it is told.
    """
    for descriptor in range(3):
        try:
            os.fstat(descriptor)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # takes the lowest number that is free
    sys.stdout = sys.stdout or open(1, "w")
    sys.stderr = sys.stderr or open(2, "w")


@contextmanager
def unblocked_log() -> Iterator[None]:
    """Lead the log on stderr through an outlet: if nobody reads it, nothing waits."""
    if _descriptor(sys.stderr) is None:
        yield
        return
    handlers = [
        handler
        for handler in logging.getLogger().handlers
        if isinstance(handler, logging.StreamHandler) and handler.stream is sys.stderr
    ]
    with Outlet(sys.stderr) as outlet:
        for handler in handlers:
            handler.setStream(_Lines(outlet))
        try:
            yield
        finally:
            for handler in handlers:
                handler.setStream(sys.stderr)


class _Lines(io.StringIO):
    """A stream of lines, for the log."""

    def __init__(self, outlet: Outlet) -> None:
        super().__init__()
        self._outlet = outlet

    def write(self, text: str) -> int:
        self._outlet.write(text.removesuffix("\n"))
        return len(text)


def _descriptor(stream: TextIO) -> int | None:
    try:
        return stream.fileno()
    except (OSError, ValueError):
        return None


def _is_ready(descriptor: int) -> bool:
    """Room for some bytes, which a file always has, or an error that writing will tell."""
    poll = select.poll()
    poll.register(descriptor, select.POLLOUT)
    return bool(poll.poll(_LOOK_S * 1000))


def _write(descriptor: int, content: bytes) -> int:
    try:
        return os.write(descriptor, content)
    except BlockingIOError:
        return 0
