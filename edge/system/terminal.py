"""Terminal: what is said on stdout and stderr, line by line, whatever names it holds."""

import io
import logging
import os
import sys
from pathlib import Path
from socket import gethostname
from types import TracebackType
from typing import TextIO
from urllib.parse import quote

from edge.contract.text import shortened, visible
from edge.system.redaction import redacted_urls

_MARK = "birdlisten: "
_LEAST_VTE = 5000
"""Version of GNOME Terminal's engine, the first with links."""
_LINKING = ("iTerm.app", "WezTerm", "vscode", "ghostty", "Hyper", "mintty")
_Fault = tuple[type[BaseException], BaseException, TracebackType | None] | tuple[None, None, None]


def never_refuse() -> None:
    """Let stdout and stderr write any text: what their encoding lacks is escaped."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


def say(text: object) -> None:
    """Print a result as one line on stdout, at once."""
    print(visible(text), flush=True)


def say_row(text: object) -> None:
    """Print a row of a table on stdout, on a terminal no wider than that."""
    columns = terminal_columns(sys.stdout)
    row = visible(text)
    print(row if columns is None else shortened(row, columns), flush=True)


def complain(text: object) -> None:
    """Print an error as one line on stderr."""
    print(f"{_MARK}{visible(redacted_urls(str(text)))}", file=sys.stderr)


def log_to_stderr(level: int) -> None:
    """Let the log go to stderr, a line a message."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(LineFormatter())
    logging.basicConfig(handlers=[handler], level=level, force=True)


class LineFormatter(logging.Formatter):
    """Formats a message as one line; only a traceback has more, all of them indented."""

    def formatMessage(self, record: logging.LogRecord) -> str:
        """The line of a message."""
        return f"{_MARK}{visible(redacted_urls(record.message))}"

    def formatException(self, ei: _Fault) -> str:
        """The lines of a traceback."""
        lines = super().formatException(ei).split("\n")
        return "\n".join(f"  {visible(line)}" for line in lines)


def has_colour() -> bool:
    """True if stdout is a terminal whose user has nothing against colours (no-color.org)."""
    return sys.stdout.isatty() and is_able() and not os.environ.get("NO_COLOR")


def has_links() -> bool:
    """True of terminals that are known to have links (OSC 8); others might show their codes."""
    environ = os.environ
    vte, program = environ.get("VTE_VERSION", ""), environ.get("TERM_PROGRAM", "")
    return (
        (vte.isdigit() and int(vte) >= _LEAST_VTE)
        or program in _LINKING
        or any(environ.get(name) for name in ("KITTY_WINDOW_ID", "WT_SESSION", "KONSOLE_VERSION"))
        or environ.get("TERM", "").startswith(("xterm-kitty", "xterm-ghostty", "foot", "alacritty"))
    )


def linked(text: str, address: str) -> str:
    """A text that leads to an address (OSC 8)."""
    return f"\033]8;;{address}\033\\{text}\033]8;;\033\\"


def file_address(path: Path) -> str:
    """The address of a file, with the host that it lies on: a terminal may be elsewhere."""
    return path.absolute().as_uri().replace("file://", f"file://{quote(gethostname())}", 1)


def is_able() -> bool:
    """False of a terminal that knows no control sequences."""
    return os.environ.get("TERM", "") not in ("", "dumb")


def terminal_columns(stream: TextIO) -> int | None:
    """Width of a terminal; None of anything else, or where it isn't known."""
    try:
        return os.get_terminal_size(stream.fileno()).columns or None
    except (OSError, ValueError):
        return None
