"""A terminal for tests: a real pty, and the lines that a person sees there."""

import fcntl
import os
import pty
import re
import select
import struct
import subprocess
import termios
import time
from collections.abc import Callable, Sequence

_STYLE = re.compile(r"\x1b\[[0-9;]*m")


class Terminal:
    """A program in a terminal.

    Args:
        command: of it.
        columns: width of the terminal.
        variables: of its environment.
    """

    def __init__(
        self, command: Sequence[str], columns: int = 80, variables: dict[str, str] | None = None
    ) -> None:
        self._own, theirs = pty.openpty()
        self.resize(columns)
        self.modes = termios.tcgetattr(theirs)
        self._theirs, self.content = theirs, b""
        self.process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=theirs,
            stderr=theirs,
            env={**os.environ, "TERM": "xterm-256color", **(variables or {})},
        )

    def resize(self, columns: int) -> None:
        fcntl.ioctl(self._own, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))

    def read_until(self, is_there: Callable[[str], bool], seconds: float = 300) -> str:
        """All that was written, once it is as a test waits for."""
        end = time.monotonic() + seconds
        while not is_there(self.text) and time.monotonic() < end:
            if select.select([self._own], [], [], 0.2)[0]:
                self.content += os.read(self._own, 65_536)
            elif self.process.poll() is not None:
                break
        assert is_there(self.text), self.text
        return self.text

    @property
    def text(self) -> str:
        return self.content.decode(errors="replace")

    def now(self) -> list[object]:
        """Modes of the terminal."""
        return termios.tcgetattr(self._theirs)

    def lines(self) -> list[str]:
        """Lines as they stand there, the unfinished one last."""
        return seen(self.text)

    def close(self) -> None:
        self.process.kill()
        self.process.wait()
        assert self.process.stdin
        self.process.stdin.close()
        os.close(self._own)
        os.close(self._theirs)


def seen(text: str) -> list[str]:
    """Lines that are left after carriage returns and deletions."""
    lines, place = [""], 0
    for part in re.findall(r"\r|\n|\x1b\[K|[^\r\n\x1b]+", _STYLE.sub("", text)):
        if part == "\n":
            lines.append("")
            place = 0
        elif part == "\r":
            place = 0
        elif part == "\x1b[K":
            lines[-1] = lines[-1][:place]
        else:
            lines[-1] = lines[-1][:place] + part + lines[-1][place + len(part) :]
            place += len(part)
    return lines
