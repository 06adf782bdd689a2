"""Sink of a listener's records: first the station's folder, then stdout."""

import logging
from collections.abc import Callable, Sequence

from edge.records.detection import ClipKept, Detection, Picture, Record, Rejection
from edge.records.explanation import explained
from edge.records.picture_files import PictureFiles

_LOG = logging.getLogger(__name__)


class RecordSink:
    """A sink for `edge.records.writer.Writer`: keeps records, then prints what was reported.

    Args:
        keep: takes the records of a batch, and never fails.
        show: takes the line of a detection.
        as_json: one JSON object a line, or a line for a person.
        explain: say what speaks for every record and against every candidate, not only in the
            debug log.
        files: of the pictures that lines name.
        draw: gives what draws the pictures of a detection, to follow its line.
    """

    def __init__(
        self,
        keep: Callable[[Sequence[Record]], None],
        show: Callable[[str], None],
        as_json: bool,
        explain: bool = False,
        files: PictureFiles | None = None,
        draw: Callable[[Sequence[Picture]], str | None] | None = None,
    ) -> None:
        self._files, self._draw = files, draw
        self._keep, self._show, self._as_json = keep, show, as_json
        self._level = logging.INFO if explain else logging.DEBUG

    def __call__(self, records: Sequence[Record]) -> None:
        """Keep a batch, then print what was reported of it."""
        self._keep(records)
        for record in records:
            if isinstance(record, Detection):
                self._show(record.to_line(self._as_json, self._files))
                if self._draw and (drawing := self._draw(record.pictures)):
                    self._show(drawing)
                self._explain(record)
            elif isinstance(record, Rejection):
                self._explain(record.candidate, record.reason)

    def _explain(self, record: Detection, reason: str | None = None) -> None:
        if _LOG.isEnabledFor(self._level):
            for line in explained(record, reason, files=self._files).split("\n"):
                _LOG.log(self._level, "%s", line)


def is_reported(record: Record) -> bool:
    """True of the records that a person waits for; others may wait for more of their kind."""
    return isinstance(record, (Detection, ClipKept))
