"""Supervisor of the store: records wait while it is in trouble, and are kept once it is back."""

import logging
import threading
import time
from collections.abc import Sequence
from contextlib import suppress
from itertools import islice
from pathlib import Path

from edge.records.backlog import Backlog
from edge.records.detection import Record
from edge.records.lock import StationInUse, StationLock
from edge.records.reader import told
from edge.records.recent import RecentRecords
from edge.records.retention import Retention
from edge.records.store import DamagedStore, Store
from edge.system.throttle import RateLimitedLog

_LOG = logging.getLogger(__name__)
_PATIENCE_S = 2.0
"""A start, or an end, waits no longer for a store that is being checked or repaired."""
_FIRST_S, _MOST_S = 1.0, 30.0
"""Between two attempts."""
_CHUNK = 256
"""Waiting records a commit."""


class StoreSupervisor:
    """Keeps the records of a station, whatever becomes of its database.

    Used by one thread at a time. The store is opened in a thread of its own, for a repair may take
    minutes; until then, and while the disk is full, the database locked, damaged or gone, records
    wait, and are written in order once it is back.

    Args:
        station: its folder.
        candidates_days: see `edge.records.retention.Retention`.
    """

    def __init__(self, station: Path, candidates_days: float = 0.0) -> None:
        self._station, self._retention = station, Retention(candidates_days)
        self._lock, self._backlog = StationLock(station), Backlog(station)
        self._recent = RecentRecords(station)
        self._store: Store | None = None
        self._opening: _Opening | None = None
        self._next, self._pause_s = 0.0, _FIRST_S
        self._tell = RateLimitedLog(_LOG, logging.ERROR)
        self._troubled = self._damaged = self._lacks_recent = False

    def start(self, waits: bool = False) -> None:
        """Open the store, or go on without until that can be done.

        Args:
            waits: for whoever has the station now; else this is an error.

        Raises:
            StationInUse: another listener keeps its records here.
        """
        try:
            self._open(_PATIENCE_S)
            self._look_after()
        except StationInUse as error:
            if not waits:
                raise
            self._trouble(error)
        except Exception as error:  # the store's trouble never is the listener's
            self._trouble(error)

    def keep(self, records: Sequence[Record]) -> None:
        """Keep records, or let them wait; looks after the store, too. Never raises.

        Args:
            records: none, to only look after it.
        """
        if records and not self._write(records):
            self._backlog.add(records)
        if time.monotonic() >= self._next:
            self._look_after()

    @property
    def is_well(self) -> bool:
        """True while records are kept at once."""
        return not (self._store is None or self._backlog or self._lacks_recent)

    def close(self) -> None:
        """Write what waits, if that can be done soon; else it waits for the next start."""
        if self._opening is not None and not self._opening.join(_PATIENCE_S):
            # A repair goes on, and keeps others out, for as long as the process does.
            threading.Thread(target=self._finish, args=(self._opening,), daemon=True).start()
        else:
            self._look_after()
            self._drop_store()
            self._lock.release()
        self._backlog.close()
        self._recent.close()

    def _finish(self, opening: "_Opening") -> None:
        opening.join()
        with suppress(Exception):
            opening.result().close()
        self._lock.release()

    def _write(self, records: Sequence[Record]) -> bool:
        """Write at once, if the store is well and nothing older waits."""
        if self._store is None or not self.is_well:
            return False
        try:
            self._put(self._store, records)
        except Exception as error:  # whatever it is: records wait
            self._trouble(error)
            return False
        return True

    def _put(self, store: Store, records: Sequence[Record]) -> None:
        store.write_all(records)
        self._recent.add(records)

    def _look_after(self) -> None:
        """Open it, write what waits, take up reviews, take away what is old."""
        try:
            if self._store is None:
                self._open()
            if self._store is not None:
                self._bring_back(self._store)
                self._drain(self._store)
                self._store.take_reviews()
                self._store.tidy(self._retention)
                self._recovered()
        except Exception as error:  # the store's trouble never is the listener's
            self._trouble(error)

    def _open(self, patience_s: float = 0.0) -> None:
        """Begin to open it, or take over what has been opened meanwhile."""
        if self._opening is None:
            with told(self._station):
                self._station.mkdir(parents=True, exist_ok=True)
            if not self._lock.is_current():
                self._lock.take()
            self._backlog.open()
            self._recent.open()
            self._opening = _Opening(self._station, self._damaged)
        if self._opening.join(patience_s):
            opening, self._opening = self._opening, None
            self._store, self._damaged = opening.result(), False
            self._lacks_recent |= self._store.was_recovered

    def _bring_back(self, store: Store) -> None:
        """After a recovery write the newest records again; those that are there stay."""
        if not self._lacks_recent:
            return
        records = self._recent.records()
        while chunk := list(islice(records, _CHUNK)):
            store.write_all(chunk)
        self._lacks_recent = False

    def _drain(self, store: Store) -> None:
        if not self._backlog:
            return
        records, kept = self._backlog.records(), 0
        while chunk := list(islice(records, _CHUNK)):
            self._put(store, chunk)
            kept += len(chunk)
        self._backlog.clear()
        _LOG.info("%s: %d records that waited are kept", self._station, kept)

    def _recovered(self) -> None:
        self._next, self._pause_s = 0.0, _FIRST_S
        if self._troubled:
            self._troubled = False
            self._tell.over()
            _LOG.info("%s: records are kept again", self._station)

    def _trouble(self, error: Exception) -> None:
        self._troubled = True
        self._damaged |= isinstance(error, DamagedStore)
        if self._store is not None and (self._damaged or not self._store.is_there()):
            self._drop_store()
        self._tell(f"{error}; records wait until they can be kept")
        self._next = time.monotonic() + self._pause_s
        self._pause_s = min(2 * self._pause_s, _MOST_S)

    def _drop_store(self) -> None:
        store, self._store = self._store, None
        if store is not None:
            store.close()


class _Opening:
    """Opening of a store, in a thread that nothing waits for."""

    def __init__(self, station: Path, damaged: bool) -> None:
        self._thread = threading.Thread(target=self._run, name="store", daemon=True)
        self._station, self._damaged = station, damaged
        self._store: Store | None = None
        self._error: Exception | None = None
        self._thread.start()

    def _run(self) -> None:
        try:
            self._store = Store(self._station, self._damaged)
        except Exception as error:  # told where it is asked for
            self._error = error

    def join(self, timeout: float | None = None) -> bool:
        """Wait for a time; True once it is done."""
        self._thread.join(timeout)
        return not self._thread.is_alive()

    def result(self) -> Store:
        """The store, or what went wrong."""
        if self._error is not None:
            raise self._error
        assert self._store is not None
        return self._store
