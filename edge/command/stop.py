"""End of listening by a person or systemd: soon, and with everything written."""

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

_DEADLINE_S = 1.5
"""A window that takes longer is not waited for."""


class Terminated(BaseException):
    """SIGTERM: end as soon as everything is written."""


class Stop:
    """Set when listening shall end."""

    def __init__(self) -> None:
        self.event = threading.Event()
        self.signal: int | None = None
        """What ended it."""

    def take_reload(self) -> bool:
        """True if it shall only begin again, with the settings as they are now."""
        if self.signal != signal.SIGHUP:
            return False
        # What still waits for the old event shall end.
        self.event, self.signal = threading.Event(), None
        return True

    @property
    def interrupted(self) -> bool:
        """By a Ctrl-C."""
        return self.signal == signal.SIGINT

    def take(self, number: int, frame: FrameType | None) -> None:
        """A signal has come; the second one ends it at once."""
        ending = self.signal not in (None, signal.SIGHUP)
        if ending and number != signal.SIGHUP:
            raise KeyboardInterrupt if number == signal.SIGINT else Terminated
        if self.signal is None or number != signal.SIGHUP:  # an end is not taken back
            self.signal = number
        self.event.set()
        if number != signal.SIGHUP:
            signal.setitimer(signal.ITIMER_REAL, _DEADLINE_S)

    def disarm(self) -> None:
        """No more is listened to: what is left is to be written, however long it takes."""
        signal.setitimer(signal.ITIMER_REAL, 0)

    def late(self, number: int, frame: FrameType | None) -> None:
        """The deadline has passed."""
        raise KeyboardInterrupt if self.interrupted else Terminated


@contextmanager
def stopping() -> Iterator[Stop]:
    """Take the signals over while a live source is listened to; in the main thread only."""
    stop = Stop()
    taken = {number: stop.take for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)}
    taken[signal.SIGALRM] = stop.late
    before = {number: signal.signal(number, handler) for number, handler in taken.items()}
    try:
        yield stop
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        for number, handler in before.items():
            signal.signal(number, handler)
