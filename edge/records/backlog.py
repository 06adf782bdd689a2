"""Backlog: records that wait until the database takes them, in order, on disk or in memory."""

import logging
from collections.abc import Iterator, Sequence
from contextlib import closing, suppress
from pathlib import Path

from edge.records.codec import decoded, encode
from edge.records.detection import ClipGone, ClipKept, Detection, FileBegun, FileDone, Record
from edge.records.journal import FILE_NAME, Journal
from edge.system.throttle import RateLimitedLog

_LOG = logging.getLogger(__name__)
DISK_BYTES = 8_000_000
"""Some thousand records: days of them."""
MEMORY_BYTES = 8_000_000
"""Bytes of waiting records in memory, for want of room on the disk, or of a disk."""


class Backlog:
    """Records that wait. What finds no room is counted and told; candidates give way first.

    Args:
        station: the folder that the journal lies in.
        disk_bytes: size of the journal.
    """

    def __init__(self, station: Path, disk_bytes: int = DISK_BYTES) -> None:
        self._station, self._disk_bytes = station, disk_bytes
        self._journal: Journal | None = None
        self._memory: list[bytes] = []
        self._held = 0
        """Bytes in memory."""
        self._lost = 0
        """Records that found no room, and were not told yet."""
        self._tell = RateLimitedLog(_LOG, logging.ERROR)

    def open(self) -> None:
        """Make ready what records can wait in on disk; without it they wait in memory."""
        if self._journal is not None and self._journal.is_empty and not self._journal.is_there():
            self._journal.close()
            self._journal = None
        if self._journal is None:
            with suppress(OSError):
                self._journal = Journal(self._station, self._disk_bytes)

    def add(self, records: Sequence[Record]) -> None:
        """Let records wait; on disk they survive a crash."""
        self.open()
        kept = [encode(record) for record in records if self._has_room(record)]
        waiting = self._wait(kept)
        lost = len(records) - waiting
        if lost:
            self._lost += lost
            self._tell("no room for more records that wait: the newest are lost")

    def __bool__(self) -> bool:
        """True if any record waits."""
        return bool(self._memory) or not (self._journal is None or self._journal.is_empty)

    def records(self) -> Iterator[Record]:
        """Yield the records that wait, oldest first."""
        contents = [] if self._journal is None else self._journal.frames()
        yield from decoded((*contents, *self._memory))

    def clear(self) -> None:
        """All that waits has been kept.

        Raises:
            OSError: the disk doesn't take it; what waits is kept twice, which does no harm.
        """
        self._memory, self._held = [], 0
        self._tell_lost()
        if self._journal is not None:
            self._journal.clear()

    def close(self) -> None:
        """Leave what waits on disk to the next start; what waits in memory is lost, and told."""
        self._lost += len(self._memory)
        self._tell_lost()
        if self._journal is not None:
            if not self._journal.is_empty:
                _LOG.error("%s: records wait for the next start to be kept", self._station)
            self._journal.close()
            self._journal = None

    def _tell_lost(self) -> None:
        if self._lost:
            _LOG.error("%s: %d records were lost: no room to wait in", self._station, self._lost)
        self._lost = 0

    def _wait(self, contents: list[bytes]) -> int:
        """On disk, unless older ones wait in memory already; how many have found room."""
        taken = 0
        if self._journal is not None and not self._memory:
            with suppress(OSError):
                taken = self._journal.add(contents)
        for content in contents[taken:]:
            if self._held + len(content) > MEMORY_BYTES:
                break
            self._memory.append(content)
            self._held += len(content)
            taken += 1
        return taken

    def _has_room(self, record: Record) -> bool:
        """Room that is half taken is kept for what was reported, and its clips."""
        if isinstance(record, (Detection, ClipKept, ClipGone, FileBegun, FileDone)):
            return True
        if self._journal is None or self._memory:
            return self._held < MEMORY_BYTES // 2
        return self._journal.free > self._disk_bytes // 2


def waiting_records(station: Path) -> list[Record]:
    """Records that wait on a station's disk, which may be its listener's at the moment."""
    if not (station / FILE_NAME).is_file():
        return []
    try:
        with closing(Journal(station, DISK_BYTES)) as journal:
            return list(decoded(journal.frames()))
    except OSError:
        return []
