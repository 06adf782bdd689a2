"""Sink of clips: near speech nothing is kept, else a file that the record knows of."""

import logging
from collections.abc import Callable

from edge.clip.store import ClipStore
from edge.clip.voice import VoiceGate
from edge.contract.errors import StoreError
from edge.records.detection import Clip, ClipGone, ClipKept, Record
from edge.system.throttle import RateLimitedLog

_LOG = logging.getLogger(__name__)


class ClipSink:
    """A sink for `edge.records.writer.Writer`. What can't be written is told, and ends nothing.

    Args:
        store: keeps the clips.
        voice: recognises speech, which is never kept; None keeps it.
        note: takes what the records shall know.
    """

    def __init__(
        self, store: ClipStore, voice: VoiceGate | None, note: Callable[[Record], None]
    ) -> None:
        self._store, self._voice, self._note = store, voice, note
        self._unwritten = RateLimitedLog(_LOG)

    def __call__(self, clip: Clip) -> None:
        """Keep a clip, unless somebody speaks in it."""
        for path in self._store.tidy():
            self._note(ClipGone(path))
        if self._voice and self._voice.speaks(clip.around, clip.rate_hz):
            _LOG.info("%s: no clip, somebody speaks", clip.detection.common_name)
            return
        try:
            self._note(ClipKept(clip.detection.id, self._store.put(clip)))
        except StoreError as error:
            self._unwritten(f"no clip: {error}")
