"""Progress through a watched folder: what a restart need not, and must not, write again."""

import logging
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TypeVar

from edge.contract.errors import StoreError
from edge.contract.text import well_formed
from edge.records.backlog import waiting_records
from edge.records.detection import (
    ClipKept,
    Detection,
    Evidence,
    Extension,
    FileDone,
    Record,
    Rejection,
)
from edge.records.reader import RecordReader, open_records
from edge.records.schema import FILE_NAME

Answer = TypeVar("Answer")
_LOG = logging.getLogger(__name__)
_PATIENCE_S = 60.0
"""Records that can't be read are waited for as long, and then done without."""


class FolderProgress:
    """Recordings that a station has analysed, by its records and those that wait to be kept.

    Args:
        station: the station's folder; without records nothing is done yet.
        stopped: set to end.
    """

    def __init__(self, station: Path, stopped: threading.Event) -> None:
        self._station, self._stopped = station, stopped
        waiting = waiting_records(station)
        self._waiting = [found for found in map(_found, waiting) if found is not None]
        done = self._asked(RecordReader.files_done)
        done += [record for record in waiting if isinstance(record, FileDone)]
        self._done = {record.source: record for record in done}

    def is_done(self, path: Path, size: int, modified_ns: int) -> bool:
        """True if it was analysed to its end, and is still the same."""
        source = well_formed(str(path))
        return self._done.get(source) == FileDone(source, size, modified_ns)

    def resumed(self, path: Path) -> "Resumed":
        """Records of a file that is analysed now, without those that are there from before."""
        source = well_formed(str(path))
        if source in self._done:  # it is another one by now
            return Resumed({})
        found = self._asked(lambda records: records.of_source(source))
        found += [record for record in self._waiting if record.source == source]
        return Resumed({(record.species_id, record.start_s): record.id for record in found})

    def _asked(self, question: Callable[[RecordReader], list[Answer]]) -> list[Answer]:
        """Answer of the records; none where there are none, or none can be read for long."""
        until = time.monotonic() + _PATIENCE_S
        while (self._station / FILE_NAME).exists() and not self._stopped.is_set():
            try:
                with open_records(self._station) as records:
                    return question(records)
            except StoreError as error:
                if time.monotonic() > until:
                    _LOG.error("%s; files may be analysed again", error)
                    break
                self._stopped.wait(1)
        return []


class Resumed:
    """Records of a file whose analysis was broken off, and begins again.

    Args:
        known: ids of its records by species and start.
    """

    def __init__(self, known: dict[tuple[str, float], str]) -> None:
        self._known = known
        self._same: dict[str, str] = {}

    def write(self, write: Callable[[Record], None], record: Record) -> None:
        """Write a record, unless it is there already; what belongs to that is of its id."""
        if found := _found(record):
            before = self._known.get((found.species_id, found.start_s))
            if before is None:
                write(record)
            else:
                self._same[found.id] = before
        elif isinstance(record, (Extension, Evidence, ClipKept)):
            write(replace(record, id=self._same.get(record.id, record.id)))
        else:
            write(record)


def _found(record: Record) -> Detection | None:
    """The species found, reported or not; None of what only belongs to one."""
    if isinstance(record, Rejection):
        return record.candidate
    return record if isinstance(record, Detection) else None
