"""Crew of a station's couriers: a thread for each receiver, until they are told to stop."""

import threading
from collections.abc import Sequence
from typing import Any

from edge.publish.courier import Courier

_LEAVE_S = 1.2
"""For all to take leave; what hangs is left behind, and goes with the process."""


class Crew:
    """Runs couriers, each for itself: one that hangs holds up no other.

    Args:
        couriers: of the receivers.
    """

    def __init__(self, couriers: Sequence[Courier[Any]]) -> None:
        self._stop = threading.Event()
        self._threads = [
            threading.Thread(
                target=courier.run, args=(self._stop,), name=courier.receiver.name, daemon=True
            )
            for courier in couriers
        ]

    def start(self) -> None:
        """Begin."""
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        """End, and wait a moment for it."""
        self._stop.set()
        for thread in self._threads:
            thread.join(_LEAVE_S / len(self._threads))
