"""Trouble that goes on is told once a minute, not at every attempt."""

import logging
import time

_EVERY_S = 60.0


class RateLimitedLog:
    """One kind of trouble.

    Args:
        log: where it is told.
        level: as what.
    """

    def __init__(self, log: logging.Logger, level: int = logging.WARNING) -> None:
        self._log, self._level = log, level
        self._told: tuple[str, float] | None = None
        self._times = 0

    def __call__(self, message: str) -> None:
        """Tell it if it is new, or a minute old; then with how often it has been."""
        self._times += 1
        now = time.monotonic()
        if self._told and self._told[0] == message and now - self._told[1] < _EVERY_S:
            return
        often = f" ({self._times} times since)" if self._times > 1 else ""
        self._log.log(self._level, "%s%s", message, often)
        self._told, self._times = (message, now), 0

    def over(self) -> None:
        """It went right again: the next trouble is told at once."""
        self._told, self._times = None, 0
