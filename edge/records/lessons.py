"""Lessons of a station: what each verdict teaches, a file each, and which of them hold.

    reviews/<nanoseconds>-<random>.json              waits for who owns the database (`inbox`)
    overlay/lessons/<nanoseconds>-<random>.json      noted there, or nothing to be noted

A verdict is one file, written whole or not at all: it holds the review, the sounds, and the species
that shall be listened for from now on. What holds follows from all of them, in the order of their
names: the newest of a record counts, and one that undoes others takes them out, so that the one
before counts again. A file is never changed; one that was undone goes, and its undoing stays.
"""

import os
import secrets
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path

from edge.contract.errors import StoreError
from edge.records import inbox
from edge.records.inbox import Lesson, Review

FOLDER = "overlay/lessons"
_Mark = tuple[int, int] | None


@dataclass(frozen=True)
class Given:
    """A review with its lesson, as it was given."""

    name: str
    """Of its file; they sort by time."""
    review: Review
    """Without the sounds of its lesson, which `LessonBook.whole` tells: they would be held for
    ever, and by many."""

    @property
    def about(self) -> str:
        """The record that it is about; a lesson without one stands for itself."""
        return self.review.record or self.name

    @property
    def is_undoing(self) -> bool:
        """True of what only takes others back."""
        return self.review.lesson is not None and bool(self.review.lesson.undoes)


class LessonBook:
    """The lessons of a station; each file is read once.

    Args:
        station: its folder.
    """

    def __init__(self, station: Path) -> None:
        self._folders = _folders(station)
        self._known: dict[str, Given] = {}
        self._marks: tuple[_Mark, ...] = (None, None)

    def changed(self) -> bool:
        """True if a lesson was given or taken back since the last look, after two calls of stat."""
        return self._marks != tuple(map(_mark, self._folders))

    def given(self) -> list[Given]:
        """All of them by time; a file that holds none is left out."""
        self._marks = tuple(map(_mark, self._folders))
        names = {file.name for folder in self._folders for file in _files(folder)}
        self._known = {
            name: given
            for name in sorted(names)
            if (given := self._known.get(name) or self._read(name)) is not None
        }
        return list(self._known.values())

    def holding(self) -> list[Given]:
        """Those that hold now, by time."""
        return holding(self.given())

    def whole(self, name: str) -> Lesson | None:
        """A lesson with its sounds, read anew; None if it is gone."""
        review = self._review(name)
        return None if review is None else review.lesson

    def _read(self, name: str) -> Given | None:
        review = self._review(name)
        if review is None or review.lesson is None:
            return None
        return Given(name, replace(review, lesson=replace(review.lesson, rows="")))

    def _review(self, name: str) -> Review | None:
        found = (inbox.read(folder / name) for folder in self._folders)
        return next((review for review in found if review is not None), None)


def holding(given: Sequence[Given]) -> list[Given]:
    """Those that hold, of all by time: none is undone, and of each record the newest."""
    gone = undone(given)
    newest = {
        entry.about: entry for entry in given if entry.name not in gone and not entry.is_undoing
    }
    return sorted(newest.values(), key=lambda lesson: lesson.name)


def undone(given: Sequence[Given]) -> set[str]:
    """Names of those that others undo, and of the records of which all is taken back."""
    return {name for entry in given if entry.review.lesson for name in entry.review.lesson.undoes}


def outdated(given: Sequence[Given]) -> set[str]:
    """Records of which what a former version has learnt by them, in other files, holds no more."""
    return undone(given) | {entry.review.record for entry in holding(given)}


def give(station: Path, review: Review) -> str:
    """Write a lesson; once this returns it is there, and survives a crash. Its name.

    Raises:
        StoreError: the station can't be written; then nothing of it is there.
    """
    folder = station / (inbox.FOLDER if review.record else FOLDER)
    name = f"{_next(station):020}-{secrets.token_hex(4)}.json"
    try:
        inbox.write(folder / name, review)
    except OSError as error:
        raise StoreError(f"{folder}: nothing was learnt ({error.strerror})") from error
    if not review.record:  # else it is noted first, and settled
        with suppress(OSError):
            _clear(station, review)
    return name


def settle(station: Path, file: Path, review: Review) -> None:
    """Put a file of the inbox, which was noted in the database, where lessons lie, if it is one.

    Raises:
        OSError: it can't be moved.
    """
    if review.lesson is None:
        file.unlink(missing_ok=True)
        return
    folder = station / FOLDER
    folder.mkdir(parents=True, exist_ok=True)
    file.replace(folder / file.name)
    _clear(station, review)


def _clear(station: Path, review: Review) -> None:
    """Delete what it undoes."""
    for name in review.lesson.undoes if review.lesson else ():
        (station / FOLDER / Path(name).name).unlink(missing_ok=True)


def _next(station: Path) -> int:
    """Nanoseconds for a name behind all others, also where the clock was set back."""
    files = [file for folder in _folders(station) for file in _files(folder)]
    last = max((file.name[:20] for file in files), default="")
    return max(time.time_ns(), int(last) + 1 if last.isdecimal() else 0)


def _folders(station: Path) -> tuple[Path, Path]:
    """Folders of lessons in the order of a file's way: who looks so misses none that is moved."""
    return station / inbox.FOLDER, station / FOLDER


def _files(folder: Path) -> list[Path]:
    try:
        return [Path(entry) for entry in os.scandir(folder) if entry.name.endswith(".json")]
    except OSError:
        return []


def _mark(folder: Path) -> _Mark:
    try:
        status = folder.stat()
    except OSError:
        return None
    return status.st_ino, status.st_mtime_ns
