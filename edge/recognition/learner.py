"""Learner: takes up what the station is taught while inference goes on."""

import logging
import threading
import time
from collections.abc import Callable
from typing import Generic, TypeVar

from edge.system.throttle import FaultBarrier

_LOG = logging.getLogger(__name__)
_AGAIN_S = 60.0
"""After a fault."""
T = TypeVar("T")


class Learner(Generic[T]):
    """Learns anew in a thread of its own whenever there is something to learn.

    Args:
        changed: true if there is.
        learn: makes, of what was known before, what takes its place.
        known: at first.
        patience_s: how long inference waits for it, as a small gallery is learnt in no time; None
            waits until it is done.
    """

    def __init__(
        self,
        changed: Callable[[], bool],
        learn: Callable[[T], T],
        known: T,
        patience_s: float | None,
    ) -> None:
        self._changed, self._learn, self._known = changed, learn, known
        self._patience_s = patience_s
        self._barrier = FaultBarrier(_LOG, "what this station was taught", "going on as before")
        self._thread: threading.Thread | None = None
        self._learnt: list[T] = []
        self._again_at: float | None = None
        """When to try again what has failed."""

    def newest(self) -> T | None:
        """The newest that was learnt; None, after some microseconds, if nothing was."""
        if not self._learnt and not self._busy() and self._wanted():
            self._begin()
        return self._learnt.pop() if self._learnt else None

    def _busy(self) -> bool:
        return self._thread is not None and self._thread.is_alive()

    def _wanted(self) -> bool:
        return self._changed() if self._again_at is None else time.monotonic() >= self._again_at

    def _begin(self) -> None:
        self._again_at = time.monotonic() + _AGAIN_S
        with self._barrier:
            self._thread = threading.Thread(target=self._run, name="learner", daemon=True)
            self._thread.start()
            self._thread.join(self._patience_s)

    def _run(self) -> None:
        with self._barrier:
            self._known = self._learn(self._known)
            self._learnt = [self._known]
            self._again_at = None
