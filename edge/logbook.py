"""Where a listener's records go: first into the station's store, then to stdout."""

import logging
import time

from edge.contract.errors import StoreError
from edge.detection import Detection, Record, Rejection, print_detection
from edge.explanation import explained
from edge.store import Store

_LOG = logging.getLogger(__name__)
_EVERY_S = 60.0


class Logbook:
    """A sink for `edge.writer.Writer`. A store that fails doesn't stop the listening.

    Args:
        store: None if it couldn't be opened.
        as_json: one JSON object a line, or a line for a person.
        explain: say what speaks for every record and against every candidate, not only in the
            debug log.
    """

    def __init__(self, store: Store | None, as_json: bool, explain: bool = False) -> None:
        self._store = store
        self._as_json = as_json
        self._level = logging.INFO if explain else logging.DEBUG
        self._lost = 0
        self._complained = -_EVERY_S

    def __call__(self, record: Record) -> None:
        """Keep a record, and print it if it is a detection."""
        self._keep(record)
        if isinstance(record, Detection):
            print_detection(record, self._as_json)
            self._explain(record)
        elif isinstance(record, Rejection):
            self._explain(record.candidate, record.reason)

    def _explain(self, one: Detection, reason: str | None = None) -> None:
        if _LOG.isEnabledFor(self._level):
            _LOG.log(self._level, "%s", explained(one, reason))

    def _keep(self, record: Record) -> None:
        if self._store is None:
            return
        try:
            self._store.write(record)
        except StoreError as error:
            self._complain(error)

    def _complain(self, error: StoreError) -> None:
        """Once a minute, with how many records were not kept since the last time."""
        self._lost += 1
        if time.monotonic() - self._complained >= _EVERY_S:
            _LOG.error("%s; records not kept: %d", error, self._lost)
            self._complained, self._lost = time.monotonic(), 0
