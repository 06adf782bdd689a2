"""Progress of long work on stderr: a bar on a terminal, a line a minute in a log."""

import logging
import sys
import threading
import time
from types import TracebackType

_LOG = logging.getLogger(__name__)
_DRAWN_S, _LOGGED_S = 0.2, 60.0
_WIDTH = 24
_CLEAR = "\r\033[K"


class ProgressBar:
    """Progress through an amount of work, which threads advance; a context.

    Args:
        total: amount of work, in any unit.
        shown: False draws nothing, whatever stderr is.
    """

    def __init__(self, total: float, shown: bool = True) -> None:
        self._total, self._done, self._note = max(total, 1e-9), 0.0, ""
        self._lock = threading.Lock()
        self._begun = self._told = time.monotonic()
        self._is_drawn = shown and sys.stderr.isatty()
        self._is_logged = shown and not self._is_drawn

    def advance(self, amount: float, note: str = "") -> None:
        """Tell of work that is done.

        Args:
            amount: of it, since it was told last.
            note: shown beside the bar from now on.
        """
        with self._lock:
            self._done, self._note = self._done + amount, note or self._note
            now = time.monotonic()
            if self._is_drawn and now - self._told >= _DRAWN_S:
                self._told = now
                print(f"{_CLEAR}{self.bar()}", end="", file=sys.stderr, flush=True)
            elif self._is_logged and now - self._told >= _LOGGED_S:
                self._told = now
                _LOG.info("%s", self.line())

    def bar(self) -> str:
        """`[#####...]  45 %  3.2 h heard, 4 min left`."""
        full = round(self._share * _WIDTH)
        return f"[{'#' * full}{'.' * (_WIDTH - full)}] {self.line()}"

    def line(self) -> str:
        """`45 %  3.2 h heard, 4 min left`."""
        return f"{self._share:4.0%}  {', '.join(filter(None, (self._note, self._left())))}"

    @property
    def _share(self) -> float:
        return min(self._done / self._total, 1.0)

    def _left(self) -> str:
        """Time that is left, once that can be told."""
        took_s, share = time.monotonic() - self._begun, self._share
        if took_s < 2 or share < 0.005:
            return ""
        left_s = took_s * (1 - share) / share
        return f"{in_short(left_s)} left"

    def filter(self, record: logging.LogRecord) -> bool:
        """Make room for a line of the log."""
        print(_CLEAR, end="", file=sys.stderr)
        return True

    def __enter__(self) -> "ProgressBar":
        if self._is_drawn:
            for handler in logging.getLogger().handlers:
                handler.addFilter(self)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._is_drawn:
            for handler in logging.getLogger().handlers:
                handler.removeFilter(self)
            print(_CLEAR, end="", file=sys.stderr, flush=True)


def in_short(seconds: float) -> str:
    """`40 s`, `12 min`, `3.2 h`."""
    if seconds < 60:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 3600 else f"{seconds / 3600:.1f} h"
