"""Where a listener's records go: first into the station's folder, then to stdout."""

import logging
from collections.abc import Callable
from functools import partial

from edge.clip.shelf import Shelf
from edge.clip.voice import VoiceGate
from edge.complaint import Complaint
from edge.contract.errors import StoreError
from edge.detection import (
    Clip,
    ClipGone,
    ClipKept,
    Detection,
    Record,
    Rejection,
    print_detection,
)
from edge.explanation import explained
from edge.store import Store

_LOG = logging.getLogger(__name__)


class Logbook:
    """A sink for `edge.writer.Writer`. A full disk doesn't stop the listening.

    Args:
        store: None if it couldn't be opened.
        as_json: one JSON object a line, or a line for a person.
        explain: say what speaks for every record and against every candidate, not only in the
            debug log.
        shelf: keeps the clips; None keeps none.
        voice: recognises speech, which is never kept; None keeps it.
    """

    def __init__(
        self,
        store: Store | None,
        as_json: bool,
        explain: bool = False,
        shelf: Shelf | None = None,
        voice: VoiceGate | None = None,
    ) -> None:
        self._store, self._shelf, self._voice = store, shelf, voice
        self._as_json = as_json
        self._level = logging.INFO if explain else logging.DEBUG
        self._unkept = Complaint(_LOG, logging.ERROR)
        self._unwritten = Complaint(_LOG)

    @property
    def keeps_clips(self) -> bool:
        """Whether clips are wanted."""
        return self._shelf is not None

    def __call__(self, record: Record) -> None:
        """Keep a record, and print it if it is a detection."""
        self._tidy()
        if isinstance(record, Clip):
            self._trying(lambda: self._shelve(record), self._unwritten, "no clip")
            return
        self._trying(lambda: self._keep(record), self._unkept, "the record is not kept")
        if isinstance(record, Detection):
            print_detection(record, self._as_json)
            self._explain(record)
        elif isinstance(record, Rejection):
            self._explain(record.candidate, record.reason)

    def _explain(self, one: Detection, reason: str | None = None) -> None:
        if _LOG.isEnabledFor(self._level):
            _LOG.log(self._level, "%s", explained(one, reason))

    def _trying(self, action: Callable[[], None], complaint: Complaint, outcome: str) -> None:
        try:
            action()
        except StoreError as error:
            complaint(f"{outcome}: {error}")

    def _keep(self, record: Detection | Rejection | ClipKept | ClipGone | Record) -> None:
        if self._store is not None:
            self._store.write(record)

    def _tidy(self) -> None:
        for path in self._shelf.tidy() if self._shelf else ():
            self._trying(partial(self._keep, ClipGone(path)), self._unkept, "not noted")

    def _shelve(self, clip: Clip) -> None:
        if self._shelf is None:
            return
        if self._voice and self._voice.speaks(clip.around, clip.rate_hz):
            _LOG.info("%s: no clip, somebody speaks", clip.detection.common_name)
            return
        self._keep(ClipKept(clip.detection.id, self._shelf.put(clip)))
