"""State of a publisher: how far it has come, in a small file of its own in the station."""

import json
from dataclasses import asdict, dataclass
from pathlib import Path

from edge.contract.atomic import write_atomic
from edge.contract.errors import StoreError
from edge.publish.queue import Place
from edge.records.lock import StationLock
from edge.records.reader import told

FOLDER = "publish"
"""In the station."""


@dataclass(frozen=True, kw_only=True)
class State:
    """Kept once a receiver has acknowledged, so that each record is told at least once."""

    number: int = 0
    id: str = ""
    """Of the record that was published last."""
    sent_ms: tuple[int, ...] = ()
    """UTC in milliseconds of the last notifications."""
    weekly_ms: int | None = None
    """UTC in milliseconds at which the last weekly report was due."""

    @property
    def place(self) -> Place:
        """The place in the records."""
        return Place(self.number, self.id)


class StateFile:
    """The file of a publisher's state.

    Args:
        station: the station's folder.
        name: of the publisher, as a file is named.
    """

    def __init__(self, station: Path, name: str) -> None:
        self.path = station / FOLDER / f"{name}.json"
        self._lock = StationLock(self.path.parent, patience_s=0, name=f"{name}.lock")

    def claim(self) -> None:
        """Keep other publishers of that name off, for as long as this process lives.

        Raises:
            StationInUse: there is one.
            StoreError: the station can't be written.
        """
        with told(self.path):
            self.path.parent.mkdir(exist_ok=True)
        if not self._lock.is_current():
            self._lock.take()

    def release(self) -> None:
        """Let others have it."""
        self._lock.release()

    def read(self) -> State | None:
        """The state; None before the first one was kept.

        Raises:
            StoreError: the file can't be read, or holds something else.
        """
        with told(self.path):
            if not self.path.exists():
                return None
            text = self.path.read_bytes()
        try:
            values = json.loads(text)
            state = State(**{**values, "sent_ms": tuple(values.get("sent_ms", ()))})
            return _checked(state)
        except (ValueError, TypeError, AttributeError) as error:
            advice = "remove it to begin anew with what comes next"
            raise StoreError(f"{self.path}: expected a publisher's state; {advice}") from error

    def write(self, state: State) -> None:
        """Keep a state.

        Raises:
            StoreError: the station can't be written.
        """
        with told(self.path):
            write_atomic(self.path, json.dumps(asdict(state)).encode())


def _checked(state: State) -> State:
    numbers = (state.number, *state.sent_ms, 0 if state.weekly_ms is None else state.weekly_ms)
    if not (all(type(number) is int for number in numbers) and isinstance(state.id, str)):
        raise ValueError("a number or an id is of another kind")
    return state
