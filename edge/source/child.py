"""A killable process that delivers sound on stdout; what it says on stderr is kept short."""

import logging
import os
import shutil
import signal
import subprocess
import threading
from collections.abc import Callable, Sequence
from contextlib import suppress
from types import TracebackType
from typing import IO

from edge.system.process import leashed

_LOG = logging.getLogger(__name__)
_CHATTER_BYTES = 8192
_LINE_BYTES = 4096


class Child:
    """A process of its own group; leaving the context kills it and whatever it has started.

    The kernel kills it when the thread that has started it ends, be it by a kill of all.

    Args:
        command: program and arguments, which everybody can read: no place for a secret.
        content: of its stdin, at most what a pipe holds.
        feed: writes its stdin instead, in a thread of its own, and closes it.
        shown: makes of a line on stderr what may be shown of it.

    Raises:
        FileNotFoundError: there is no such program.
    """

    def __init__(
        self,
        command: Sequence[str],
        content: str = "",
        shown: Callable[[str], str] = str,
        feed: Callable[[int], None] | None = None,
    ) -> None:
        if shutil.which(command[0]) is None:
            raise FileNotFoundError(command[0])
        self._process = subprocess.Popen(
            leashed(command),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=_environment(),
            start_new_session=True,  # a Ctrl-C is for the parent, which then kills the group
        )
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        assert self._process.stderr is not None
        self.stdout: IO[bytes] = self._process.stdout
        self._lines: list[str] = []
        self._shown = shown
        if feed is not None:
            pipe = os.dup(self._process.stdin.fileno())
            threading.Thread(target=feed, args=(pipe,), daemon=True).start()
        with suppress(BrokenPipeError), self._process.stdin as stdin:
            stdin.write(content.encode())
        self._pump = threading.Thread(target=self._drain, args=(self._process.stderr,), daemon=True)
        try:
            self._pump.start()
        except RuntimeError:  # no thread to be had: nobody would end the process either
            self._end()
            self._process.stderr.close()
            raise

    @property
    def pipe(self) -> int:
        """File descriptor of its stdout."""
        return self.stdout.fileno()

    def __enter__(self) -> "Child":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._end()
        self._pump.join(timeout=1.0)

    def _end(self) -> None:
        self.kill()
        self._process.wait()
        self.stdout.close()

    def kill(self) -> None:
        """End it and its group, now."""
        if self._process.poll() is None:
            os.killpg(self._process.pid, signal.SIGKILL)

    def status(self, patience_s: float = 2.0) -> int:
        """Exit status of a process that has closed its stdout; killed if it doesn't end at all."""
        try:
            return self._process.wait(patience_s)
        except subprocess.TimeoutExpired:
            self.kill()
            return self._process.wait()

    def said(self, mark: str = "") -> str:
        """The last line on stderr that holds a mark; empty if there is none."""
        self._pump.join(timeout=0.2 if self._process.poll() is None else 1.0)
        return next((line for line in reversed(self._lines) if mark in line), "")

    def _drain(self, stderr: IO[bytes]) -> None:
        """Read for ever what a library may flood; the first bytes go to the debug log."""
        read = 0
        with stderr:
            while line := stderr.readline(_LINE_BYTES):
                text = self._shown(line.decode(errors="replace").strip())
                if read < _CHATTER_BYTES:
                    _LOG.debug("%s", text)
                read += len(line)
                self._remember(text)

    def _remember(self, line: str) -> None:
        if line:
            self._lines = [*self._lines[:20], *self._lines[20:][-20:], line]


def _environment() -> dict[str, str]:
    """Ours without the settings: a source may be named there with its password."""
    return {name: value for name, value in os.environ.items() if not name.startswith("BIRDLISTEN_")}
