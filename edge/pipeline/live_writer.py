"""Writer of a listener's live state, in a thread that holds nobody up."""

import logging
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from types import TracebackType

from edge.records.live_file import FLEETING_S, LiveFile
from edge.records.live_state import LiveState
from edge.system.throttle import reason

_LOG = logging.getLogger(__name__)
_PARTING_S = 1.0


class LiveWriter:
    """Writes a state again and again while its context lasts; trouble is told once.

    Args:
        file: to write to.
        state: gives the state of this moment.
        show: takes each state, too.
    """

    def __init__(
        self,
        file: LiveFile,
        state: Callable[[], LiveState],
        show: Callable[[LiveState], None] = lambda state: None,
    ) -> None:
        self._file, self._state, self._show = file, state, show
        self._over, self._written = threading.Event(), float("-inf")
        self._refused = False
        self._thread = threading.Thread(target=self._run, name="live state", daemon=True)

    def __enter__(self) -> "LiveWriter":
        with suppress(RuntimeError):  # no thread to be had: listening goes on without
            self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._over.set()
        if self._thread.ident is not None:
            self._thread.join(_PARTING_S)

    def _run(self) -> None:
        while not self._over.wait(FLEETING_S):
            self._tick()
        self._file.remove()

    def _tick(self) -> None:
        try:
            state = self._state()
            self._show(state)
            if time.monotonic() - self._written >= self._file.every_s - FLEETING_S / 2:
                self._written = time.monotonic()
                self._file.write(state)
                self._refused = False
        except Exception as error:  # whatever it is: listening goes on without
            if not self._refused:
                _LOG.warning("no live state for others to see: %s; going on", reason(error))
            _LOG.debug("live state", exc_info=error)
            self._refused = True
