"""Sink of a listener's records: first the station's folder, then stdout."""

import logging

from edge.contract.errors import StoreError
from edge.records.detection import Detection, Record, Rejection, print_detection
from edge.records.explanation import explained
from edge.records.store import Store
from edge.system.throttle import RateLimitedLog

_LOG = logging.getLogger(__name__)


class RecordSink:
    """A sink for `edge.records.writer.Writer`. A full disk doesn't stop the listening.

    Args:
        store: None if it couldn't be opened.
        as_json: one JSON object a line, or a line for a person.
        explain: say what speaks for every record and against every candidate, not only in the
            debug log.
    """

    def __init__(self, store: Store | None, as_json: bool, explain: bool = False) -> None:
        self._store, self._as_json = store, as_json
        self._level = logging.INFO if explain else logging.DEBUG
        self._unkept = RateLimitedLog(_LOG, logging.ERROR)

    def __call__(self, record: Record) -> None:
        """Keep a record, and print it if it is a detection."""
        self._keep(record)
        if isinstance(record, Detection):
            print_detection(record, self._as_json)
            self._explain(record)
        elif isinstance(record, Rejection):
            self._explain(record.candidate, record.reason)

    def _explain(self, record: Detection, reason: str | None = None) -> None:
        if _LOG.isEnabledFor(self._level):
            _LOG.log(self._level, "%s", explained(record, reason))

    def _keep(self, record: Record) -> None:
        try:
            if self._store is not None:
                self._store.write(record)
        except StoreError as error:
            self._unkept(f"the record is not kept: {error}")
