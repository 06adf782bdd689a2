"""The newest records once more, beside the database: a damaged page of it takes none of them.

birdlisten.recent1, birdlisten.recent2      journals that take turns, some thousand records each
"""

from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path

from edge.records.codec import decoded, encode
from edge.records.detection import Record
from edge.records.journal import Journal

_NAMES = ("birdlisten.recent1", "birdlisten.recent2")
_BYTES = 4_000_000
"""Of each; the last one is always full, or nearly."""


class RecentRecords:
    """Copies of the newest records of a station. Where there is no room for them there are none.

    Args:
        station: the folder that they lie in.
        size: of each of two files, in bytes.
    """

    def __init__(self, station: Path, size: int = _BYTES) -> None:
        self._station, self._size = station, size
        self._journals: list[Journal] = []
        """The older one first."""

    def open(self) -> None:
        """Make the files ready, or do without."""
        if any(not journal.is_there() for journal in self._journals):
            self.close()
        if self._journals:
            return
        try:
            for name in _NAMES:
                self._journals.append(Journal(self._station, self._size, name))
            self._journals.sort(key=lambda journal: journal.epoch)
        except OSError:  # half of the room is of no use, and in the way of others
            for journal in filter(lambda journal: journal.is_empty, self._journals):
                journal.remove()
            self.close()

    def add(self, records: Sequence[Record]) -> None:
        """Copy records that were kept; a disk that doesn't take them is no trouble."""
        if not self._journals:
            return
        contents = [encode(record) for record in records]
        with suppress(OSError):
            taken = self._journals[-1].add(contents)
            if taken < len(contents):
                self._turn()
                self._journals[-1].add(contents[taken:])

    def records(self) -> Iterator[Record]:
        """Yield the copies, oldest first."""
        for journal in self._journals:
            yield from decoded(journal.frames())

    def close(self) -> None:
        """Leave them."""
        for journal in self._journals:
            journal.close()
        self._journals = []

    def _turn(self) -> None:
        """Begin again in the older one."""
        older, newer = self._journals
        older.clear(newer.epoch + 1)
        self._journals = [newer, older]
