"""Watch over a file that people and programs change: told once it has stayed as it is."""

import time
from pathlib import Path

STEADY_S = 2.0
"""An editor may write a file in two steps: whoever reads it in between reads half of it."""


class SteadyWatch:
    """Tells that a file is another than it was, once it has stayed so for a moment.

    Args:
        path: of the file, which need not be there.
        steady_s: it stays as it is for so long.
    """

    def __init__(self, path: Path, steady_s: float = STEADY_S) -> None:
        self._path, self._steady_s = path, steady_s
        self._known = self._seen = self._state()
        self._since = time.monotonic()

    def changed(self) -> bool:
        """True once for each change; cheap enough to be asked all the time."""
        state, now = self._state(), time.monotonic()
        if state != self._seen:
            self._seen, self._since = state, now
        if self._seen == self._known or now - self._since < self._steady_s:
            return False
        self._known = self._seen
        return True

    def seen(self) -> None:
        """It is being read as it is now."""
        self._known = self._state()

    def _state(self) -> tuple[int, int, int] | None:
        try:
            status = self._path.stat()
        except OSError:
            return None
        return status.st_ino, status.st_mtime_ns, status.st_size
