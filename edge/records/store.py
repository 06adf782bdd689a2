"""The station's records: SQLite, one writer, nothing acknowledged is lost."""

import logging
import os
import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from edge.contract.errors import StoreError
from edge.records import inbox, recordings, repair
from edge.records.detection import (
    ClipGone,
    ClipKept,
    Detection,
    Extension,
    FileBegun,
    FileDone,
    Listened,
    Record,
    Rejection,
)
from edge.records.evidence import Evidence, keep_evidence
from edge.records.lessons import settle
from edge.records.reader import AS_KEPT, FIELDS, ID_CHARACTERS, RecordReader, connect, told
from edge.records.recordings import columns
from edge.records.retention import Retention
from edge.records.schema import (
    FILE_NAME,
    check_definitions,
    check_version,
    log_of,
    migrate,
    transaction,
)
from edge.records.shared import packed_candidates, packed_pictures
from edge.system import clock

_LOG = logging.getLogger(__name__)
_SETTINGS = (
    "auto_vacuum = INCREMENTAL",
    "journal_mode = WAL",
    "synchronous = FULL",
    "foreign_keys = ON",
    "cache_size = -512",
    "journal_size_limit = 4194304",
)
"""FULL: the last commits survive a power cut. Half a megabyte of pages is more than a station looks
at, and the log shrinks to four once a reader has let it go."""
_UNFIT = (sqlite3.IntegrityError, sqlite3.InterfaceError, ValueError, TypeError, OverflowError)
"""Errors of what is to be written, not of the database."""


class DamagedStore(StoreError):
    """The database is damaged; opening it again repairs it."""


class Store(RecordReader):
    """birdlisten.db of a station, to be written. A damaged one is repaired as far as it can be.

    Only the holder of the station's lock (`edge.records.lock`) opens it.

    Args:
        station: folder, made if need be.
        recover: known to be damaged: whatever can be read goes into a new file.

    Raises:
        StoreError: the folder can't be written, or the file is of a newer version.
    """

    def __init__(
        self, station: Path, recover: bool = False, names: Mapping[str, str] = AS_KEPT
    ) -> None:
        path = station / FILE_NAME
        with told(path):
            station.mkdir(parents=True, exist_ok=True)
            database, self.was_recovered = _open_sound(path, recover)
            super().__init__(station, database, names)
            self._file = path.stat()
        self._log_path = log_of(path)
        self._log: os.stat_result | None = None
        self._taken = set[Path]()
        """Files of reviews that are taken up, and can't be removed."""

    def write(self, record: Record) -> None:
        """Keep a record; once this returns it survives a crash and a power cut.

        Raises:
            StoreError: the disk is full, say; what was kept before is unharmed.
        """
        self.write_all([record])

    def write_all(self, records: Sequence[Record]) -> None:
        """Keep records together, with one commit; those that are there already stay as they are.

        Raises:
            DamagedStore: a part of the file can't be used.
            StoreError: the disk is full, or the file was taken away; nothing of it is kept.
        """
        with self._guarded():
            try:
                self._commit(records)
            except sqlite3.DatabaseError as error:
                if not repair.is_damage(error):
                    raise
                self._mend(records, error)
        if not self.is_there():
            self._save_log()
            raise StoreError(f"{self.path}: was taken away; it is begun anew")

    def take_reviews(self) -> int:
        """Take up what people said of records meanwhile; the count of it.

        Raises:
            StoreError: the disk is full, say; then it waits.
        """
        files = [file for file in inbox.files(self.station) if file not in self._taken]
        reviews = {file: review for file in files if (review := inbox.read(file)) is not None}
        if not reviews:
            return 0
        with self._guarded(), transaction(self._database):
            for review in reviews.values():
                self._review(review)
        for file, review in reviews.items():
            try:
                settle(self.station, file, review)
            except OSError:  # another's: what was taken up once is not again
                self._taken.add(file)
        return len(reviews)

    def review(self, record: str, verdict: str | None, note: str = "") -> None:
        """Note what a person says of a record; None takes it back."""
        with self._guarded(), transaction(self._database):
            self._review(inbox.Review(record, verdict, note, clock.now_ms()))

    def tidy(self, retention: Retention) -> int:
        """Take away what is too old, a step at a time; the count of it.

        Raises:
            StoreError: the database is locked, say; then it stays a while longer.
        """
        with self._guarded():
            return retention.tidy(self._database)

    @contextmanager
    def _guarded(self) -> Iterator[None]:
        with told(self.path):
            try:
                yield
            except repair.BROKEN as error:
                if isinstance(error, sqlite3.Error) and not repair.is_damage(error):
                    raise
                raise DamagedStore(f"{self.path}: {error}") from error

    def is_there(self) -> bool:
        """False once the file or its log was taken away, or another has its name."""
        try:
            self._log = self._log or self._log_path.stat()
            same = os.path.samestat(self._log, self._log_path.stat())
            return same and os.path.samestat(self._file, self.path.stat())
        except OSError:
            return False

    def _save_log(self) -> None:
        """Write what lies in a log without a name to the file, while it can be read."""
        with suppress(sqlite3.Error):
            self._database.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()

    def _mend(self, records: Sequence[Record], error: sqlite3.DatabaseError) -> None:
        """A broken index is all that a running store mends by itself."""
        if not repair.reindex(self._database):
            raise DamagedStore(f"{self.path}: {error}") from error
        _LOG.warning("%s: an index was damaged, and is made anew", self.path)
        self._commit(records)

    def _commit(self, records: Sequence[Record]) -> None:
        with transaction(self._database):
            for record in records:
                try:
                    self._put(record)
                except UnicodeDecodeError as error:  # of what SQLite says, not of the record
                    raise sqlite3.DatabaseError("malformed text") from error
                except _UNFIT as error:  # it alone is left out, for else none would ever be kept
                    _LOG.error("%s: a record can't be kept: %s", self.path, error)

    def _put(self, record: Record) -> None:
        run = self._database.execute
        if isinstance(record, Detection):
            self._insert(record, None)
        elif isinstance(record, Rejection):
            self._insert(record.candidate, record.reason)
        elif isinstance(record, Evidence):
            keep_evidence(self._database, record)
        elif isinstance(record, Extension):
            values = (record.end_s, record.hits, record.id)
            run("UPDATE kept_records SET end_s = ?, hits = ? WHERE id = ?", values)
        elif isinstance(record, ClipKept):
            run("UPDATE kept_records SET clip = ? WHERE id = ?", (record.path, record.id))
        elif isinstance(record, ClipGone):
            gone = (Path(record.path).stem[-ID_CHARACTERS:], record.path)
            run("UPDATE kept_records SET clip = NULL WHERE id = ? AND clip = ?", gone)
        elif isinstance(record, FileBegun):
            recordings.begin(self._database, record)
        elif isinstance(record, FileDone):
            recordings.enter(self._database, record)
        elif isinstance(record, Listened):
            span = (record.source, record.begun_ms, record.ended_ms)
            run("INSERT OR REPLACE INTO listened VALUES (?, ?, ?)", span)

    def _insert(self, found: Detection, rejected: str | None) -> None:
        if found.volume is not None and recordings.is_reviewed(self._database, found):
            return
        values = {name: getattr(found, name) for name in FIELDS}
        values |= {
            "pictures": packed_pictures(self._database, found.pictures),
            "top": packed_candidates(self._database, found.top),
            "rejected": rejected,
        }
        if found.detected_at is not None:
            values["detected_at"] = clock.milliseconds(found.detected_at)
        names, places = columns(values)
        self._database.execute(f"INSERT INTO records ({names}) VALUES ({places})", values)

    def _review(self, review: inbox.Review) -> None:
        run = self._database.execute
        run("DELETE FROM reviews WHERE record = ?", (review.record,))
        if review.verdict is not None:
            # Of a record that was lost meanwhile there is nothing to say.
            run(
                "INSERT INTO reviews (record, verdict, reviewed_at, note) "
                "SELECT id, ?, ?, ? FROM kept_records WHERE id = ?",
                (review.verdict, review.reviewed_at, review.note, review.record),
            )


def _open_sound(path: Path, recover: bool) -> tuple[sqlite3.Connection, bool]:
    """A database that is sound, as far as a short check can tell, and whether it was recovered."""
    repair.finish(path)
    database = None if recover or _has_only_a_log(path) else _opened(path)
    if database is not None:
        return database, False
    repair.recover(path)
    with _closing_on_error(connect(path)) as database:
        return _prepared(database), True


def _has_only_a_log(path: Path) -> bool:
    """True of an emptied file, whose log SQLite would throw away."""
    log = log_of(path)
    return path.exists() and not path.stat().st_size and log.exists() and log.stat().st_size > 0


def _opened(path: Path) -> sqlite3.Connection | None:
    """None of a database that is damaged, and not by its indexes alone."""
    with _closing_on_error(connect(path)) as database:
        try:
            if repair.problem(database) is None or repair.reindex(database):
                return _prepared(database)
        except sqlite3.DatabaseError as error:
            if not repair.is_damage(error):
                raise
        except UnicodeDecodeError:
            pass
        database.close()
        return None


def _prepared(database: sqlite3.Connection) -> sqlite3.Connection:
    check_version(database)
    for setting in _SETTINGS:
        database.execute(f"PRAGMA {setting}")
    migrate(database)
    check_definitions(database)
    return database


@contextmanager
def _closing_on_error(database: sqlite3.Connection) -> Iterator[sqlite3.Connection]:
    try:
        yield database
    except BaseException:
        database.close()
        raise
