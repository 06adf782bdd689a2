"""Status line at the bottom of a terminal: results and the log scroll above it."""

import logging
import os
import select
import sys
from types import TracebackType

from edge.contract.text import shortened, visible
from edge.system.terminal import is_able, terminal_columns

CLEAR = "\r\033[K"
"""Makes room for a line where the status stands; the next status is drawn below that."""


class StatusLine:
    """Draws on stderr, and never waits for it. Used as a context; the terminal's modes stay.

    Lines of the log make room for it by themselves; those of stdout begin with `CLEAR`.
    """

    def __init__(self) -> None:
        self._descriptor = sys.stderr.fileno()
        self._formatters: list[tuple[logging.Handler, logging.Formatter | None]] = []

    def show(self, text: str) -> None:
        """Draw it, as much of it as there is room for."""
        columns = terminal_columns(sys.stderr) or 80
        self._put(f"{CLEAR}{shortened(visible(text), columns - 1)}")

    def _put(self, text: str) -> None:
        poll = select.poll()
        poll.register(self._descriptor, select.POLLOUT)
        if poll.poll(0):  # else it is held (Ctrl-S), or gone
            content = text.encode(sys.stderr.encoding, "replace")
            try:
                os.write(self._descriptor, content)
            except OSError:
                pass

    def __enter__(self) -> "StatusLine":
        for handler in logging.getLogger().handlers:
            self._formatters.append((handler, handler.formatter))
            handler.setFormatter(_Above(handler.formatter or logging.Formatter()))
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        for handler, formatter in self._formatters:
            handler.setFormatter(formatter)
        self._put(CLEAR)


class _Above(logging.Formatter):
    """Formats as another does, and makes room first."""

    def __init__(self, other: logging.Formatter) -> None:
        super().__init__()
        self._other = other

    def format(self, record: logging.LogRecord) -> str:
        return f"{CLEAR}{self._other.format(record)}"


def has_status_line() -> bool:
    """True where a person looks at a terminal that can go back in a line."""
    return sys.stdout.isatty() and sys.stderr.isatty() and is_able()
