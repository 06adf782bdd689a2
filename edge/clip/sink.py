"""Sink of clips: near speech nothing is kept, else a file that the record knows of."""

import logging
from collections.abc import Callable, Sequence

from edge.clip.store import ClipStore
from edge.clip.voice import VoiceGate
from edge.records.detection import Clip, ClipGone, ClipKept, Record
from edge.system.throttle import FaultBarrier

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
        self._barrier = FaultBarrier(_LOG, "no clip", "it is left out")

    def __call__(self, clips: Sequence[Clip]) -> None:
        """Keep clips, but those in which somebody speaks, or nobody can tell; tidy up."""
        with self._barrier:
            for path in self._store.tidy():
                self._note(ClipGone(path))
        for clip in clips:
            with self._barrier:
                self._keep(clip)

    def _keep(self, clip: Clip) -> None:
        if self._voice and self._voice.speaks(clip.around, clip.rate_hz):
            _LOG.info("%s: no clip, somebody speaks", clip.detection.common_name)
            return
        self._note(ClipKept(clip.detection.id, self._store.put(clip)))
