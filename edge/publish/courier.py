"""Courier: carries a station's records to one receiver, in order, each until it is acknowledged."""

import logging
import threading
import time
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Generic

from edge.contract.errors import StoreError
from edge.publish import queue
from edge.publish.delivery import Content, DeliveryTally, Receiver, Undeliverable, Undelivered
from edge.publish.queue import Place
from edge.publish.state import State, StateFile
from edge.records.reader import AS_KEPT, RecordReader, open_records
from edge.records.schema import FILE_NAME
from edge.system.throttle import RateLimitedLog, reason

_LOG = logging.getLogger(__name__)
_EVERY_S, _MOST_S = 1.0, 30.0
"""Between two looks at the records; between two attempts at most, unless the receiver says."""
_AT_ONCE = 50
"""Records that are read together."""
_KEEP_S = 0.5
"""While many are told, the state is kept no oftener."""


class Courier(Generic[Content]):
    """Carries records; runs in a thread of its own, and holds nobody up.

    Args:
        station: the station's folder, which may not be there yet.
        receiver: whom they are told to.
        since_ms: tell the records from this moment on (UTC) again; None goes on, and begins with
            what comes next.
        names: common names by species id, to be told in place of those that were kept.
    """

    def __init__(
        self,
        station: Path,
        receiver: Receiver[Content],
        since_ms: int | None = None,
        names: Mapping[str, str] = AS_KEPT,
    ) -> None:
        self.receiver, self.tally = receiver, DeliveryTally()
        self._station, self._since_ms, self._names = station, since_ms, names
        self._file = StateFile(station, receiver.name)
        self._state: State | None = None
        self._is_new = not (station / FILE_NAME).exists()
        self._looked = Place()
        self._kept: State | None = None
        self._kept_at = 0.0
        self._pause_s = _EVERY_S
        self._is_behind = False
        self._late_since: float | None = None
        self._tell = RateLimitedLog(_LOG)

    @property
    def place(self) -> Place | None:
        """Of the last record that was told; None before the station was read."""
        return None if self._state is None else self._state.place

    def run(self, stop: threading.Event) -> None:
        """Carry records until it is stopped; never raises."""
        while not stop.is_set():
            pause_s = self._attempt(stop)
            stop.wait(pause_s)
        try:
            self.receiver.close()
        except Exception as error:  # nobody is left who could do anything about it
            _LOG.debug("%s: %s", self.receiver.shown, reason(error))
        self._file.release()

    def _attempt(self, stop: threading.Event) -> float:
        """Tell what waits; the seconds until the next attempt."""
        try:
            self._round(stop)
        except Exception as error:  # whatever it is, it's tried again
            _LOG.debug("%s", self.receiver.shown, exc_info=error)
            self._tell(f"{self.receiver.shown}: {reason(error)}; trying again")
            self.tally.retried += not isinstance(error, StoreError)
            self._pause_s, pause_s = min(2 * self._pause_s, _MOST_S), self._pause_s
            return max(pause_s, error.after_s if isinstance(error, Undelivered) else 0.0)
        self._recovered()
        return 0.0 if self._is_behind else _EVERY_S

    def _recovered(self) -> None:
        if self._pause_s > _EVERY_S:
            self._pause_s = _EVERY_S
            self._tell.over()
            _LOG.info("%s: told again", self.receiver.shown)

    def _round(self, stop: threading.Event) -> None:
        state, contents = self._gather()
        try:
            self.receiver.tend()
            for place, content in contents:
                if stop.is_set():
                    return
                state = self._told(place, content, state)
        finally:
            self._keep(at_once=True)

    def _gather(self) -> tuple[State, list[tuple[Place | None, Content | None]]]:
        """Everything that waits, with the place that is reached by it."""
        with open_records(self._station, self._names) as records:
            queue.check_schema(records)
            state = self._begun(records)
            self._looked = queue.found_again(records, self._furthest(state))
            due = self.receiver.look(records, state)
            waiting = queue.behind(records, self._looked, _AT_ONCE)
            contents: list[tuple[Place | None, Content | None]] = [
                (queued.place, self.receiver.prepare(records, queued)) for queued in waiting.records
            ]
        self._is_behind = len(waiting.records) == _AT_ONCE
        if not waiting.records:
            self._looked = waiting.looked
        return state, [*([(None, due)] if due is not None else []), *contents]

    def _furthest(self, state: State) -> Place:
        """Candidates that were not reported are looked at once only."""
        return max(self._looked, state.place, key=lambda place: place.number)

    def _begun(self, records: RecordReader) -> State:
        """The state; at the first start it is made, so that an old station isn't told whole."""
        if self._state is None:
            self._file.claim()
            known = self._file.read()
            self._state, self._kept = known or State(), known
            if self._since_ms is not None:
                self._move(queue.before(records, self._since_ms))
            elif known is None:
                self._move(Place() if self._is_new else queue.newest(records))
            else:
                self._move(queue.found_again(records, known.place))
            self._keep(at_once=True)
        return self._state

    def _told(self, place: Place | None, content: Content | None, state: State) -> State:
        if content is not None:
            state = self._delivered(content, state)
        self._state = state
        if place is not None:
            self._looked = place
            self._move(place)
        self._keep()
        assert self._state is not None
        return self._state

    def _delivered(self, content: Content, state: State) -> State:
        try:
            state = self.receiver.deliver(content, state)
            self.tally.delivered += 1
        except Undelivered as error:
            if not self._is_too_late():
                raise
            self._leave_out(f"{error}; left out after {self.receiver.patience_s / 3600:.0f} h")
        except Undeliverable as error:
            self._leave_out(f"{error}; left out")
        self._late_since = None
        return state

    def _leave_out(self, message: str) -> None:
        self.tally.failed += 1
        _LOG.error("%s: %s", self.receiver.shown, message)

    def _is_too_late(self) -> bool:
        now = time.monotonic()
        self._late_since = self._late_since or now
        return now - self._late_since >= self.receiver.patience_s

    def _move(self, place: Place) -> None:
        assert self._state is not None
        self._state = replace(self._state, number=place.number, id=place.id)

    def _keep(self, at_once: bool = False) -> None:
        now = time.monotonic()
        if self._state is None or self._state == self._kept:
            return
        if at_once or now - self._kept_at >= _KEEP_S:
            self._file.write(self._state)
            self._kept, self._kept_at = self._state, now
