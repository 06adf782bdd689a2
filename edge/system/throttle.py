"""Trouble that goes on is told once a minute, not at every attempt."""

import logging
import time
from dataclasses import dataclass
from types import TracebackType

from edge.contract.errors import BirdlistenError, in_words

_EVERY_S = 60.0
_MOST = 32
"""Different messages a minute; more are as good as noise, and only counted."""


@dataclass
class _Told:
    at: float
    since: int = 0
    """Times that it was held back."""


class RateLimitedLog:
    """Tells each message when it is new or a minute old, then with how often it has been.

    Args:
        log: where it is told.
        level: as what.
    """

    def __init__(self, log: logging.Logger, level: int = logging.WARNING) -> None:
        self._log, self._level = log, level
        self._told: dict[str, _Told] = {}
        self._dropped = 0

    def __call__(self, message: str) -> None:
        """Tell it, or hold it back; messages that alternate are held back each for itself."""
        now = time.monotonic()
        before = self._told.get(message)
        if before is not None and now - before.at < _EVERY_S:
            before.since += 1
            return
        if before is None and not self._has_room(now):
            self._dropped += 1
            return
        self._told[message] = _Told(now)
        self._log.log(self._level, "%s%s%s", message, _often(before), self._others())

    def over(self) -> None:
        """It went right again: the next trouble is told at once."""
        self._told.clear()

    def _has_room(self, now: float) -> bool:
        """Forget what is a minute old, once there are many."""
        if len(self._told) >= _MOST:
            kept = {text: told for text, told in self._told.items() if now - told.at < _EVERY_S}
            self._told = kept
        return len(self._told) < _MOST

    def _others(self) -> str:
        dropped, self._dropped = self._dropped, 0
        return f" (and {dropped} other messages since)" if dropped else ""


class FaultBarrier:
    """A border that no fault passes: whatever its part raises is told, and the rest goes on.

    Used as a context around each attempt; leaving it normally tells nothing. What ends a process
    (a signal, SystemExit) is no fault, and passes.

    Args:
        log: where a fault is told; its traceback only in the debug log.
        part: what is at fault, for people.
        outcome: what becomes of it: `left out`, `trying again`.
        level: as what it is told.
    """

    def __init__(
        self, log: logging.Logger, part: str, outcome: str, level: int = logging.WARNING
    ) -> None:
        self._log, self._part, self._outcome = log, part, outcome
        self._tell = RateLimitedLog(log, level)
        self.held = False
        """True if the last attempt has ended in a fault."""

    def __enter__(self) -> "FaultBarrier":
        self.held = False
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> bool:
        self.held = isinstance(error, Exception)
        if isinstance(error, Exception):
            self._log.debug("%s", self._part, exc_info=error)
            self._tell(f"{self._part}: {reason(error)}; {self._outcome}")
        return self.held


def reason(error: BaseException) -> str:
    """One line that says what an error is; ours are said in words already."""
    said = " ".join(in_words(error).split())
    if isinstance(error, (BirdlistenError, OSError)) and said:
        return said
    return f"{type(error).__name__}: {said}" if said else type(error).__name__


def _often(before: _Told | None) -> str:
    return f" ({before.since + 1} times since)" if before and before.since else ""
