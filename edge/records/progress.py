"""Progress through a watched folder: what a restart need not, and must not, write again."""

from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

from edge.contract.errors import StoreError
from edge.contract.text import well_formed
from edge.records.detection import (
    ClipGone,
    Detection,
    FileDone,
    Record,
    Rejection,
)
from edge.records.reader import open_records


class FolderProgress:
    """Recordings of a folder that a station has analysed, by its records.

    Args:
        station: the station's folder; without records nothing is done yet.
        folder: the one that is watched.
    """

    def __init__(self, station: Path, folder: Path) -> None:
        self._done: dict[str, FileDone] = {}
        self._begun: dict[str, dict[tuple[str, float], str]] = {}
        with suppress(StoreError), open_records(station) as records:
            self._done = {done.source: done for done in records.files_done()}
            for source, species_id, start_s, record in records.begun(f"{folder}/"):
                self._begun.setdefault(source, {})[species_id, start_s] = record

    def is_done(self, path: Path, size: int, modified_ns: int) -> bool:
        """True if it was analysed to its end, and is still the same."""
        source = well_formed(str(path))
        return self._done.get(source) == FileDone(source, size, modified_ns)

    def resumed(self, path: Path) -> "Resumed":
        """Records of a file that is analysed now, without those that are there from before."""
        return Resumed(self._begun.pop(well_formed(str(path)), {}))


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
        if isinstance(record, (Detection, Rejection)):
            found = record.candidate if isinstance(record, Rejection) else record
            before = self._known.get((found.species_id, found.start_s))
            if before is None:
                write(record)
            else:
                self._same[found.id] = before
        elif isinstance(record, (ClipGone, FileDone)):
            write(record)
        else:
            write(replace(record, id=self._same.get(record.id, record.id)))
