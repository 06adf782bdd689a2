"""The station's records: SQLite, one writer, nothing acknowledged is lost."""

import json
import logging
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, fields
from pathlib import Path
from typing import Any

import numpy as np

from edge.contract.arrays import Float16s
from edge.contract.errors import StoreError
from edge.records.detection import (
    Candidate,
    ClipGone,
    ClipKept,
    Detection,
    Evidence,
    Extension,
    Picture,
    Record,
    Rejection,
)
from edge.system import clock

_LOG = logging.getLogger(__name__)
FILE_NAME = "birdlisten.db"
CONFIRMED, REJECTED = "confirmed", "rejected"
"""What a person says of a record."""
_BUSY_S = 5.0
_SETTINGS = ("journal_mode = WAL", "synchronous = FULL", "foreign_keys = ON", "cache_size = -512")
"""Half a megabyte of pages is more than a station looks at."""
_NESTED = ("pictures", "top")
"""Fields kept as JSON."""
MIGRATIONS = (
    """
    CREATE TABLE records (
        id TEXT PRIMARY KEY, schema INTEGER NOT NULL, station TEXT NOT NULL,
        detected_at INTEGER, time_zone TEXT NOT NULL, clock_synchronised INTEGER NOT NULL,
        start_s REAL NOT NULL, end_s REAL NOT NULL, source TEXT NOT NULL,
        species_id TEXT NOT NULL, scientific_name TEXT NOT NULL, common_name TEXT NOT NULL,
        probability REAL, score REAL NOT NULL, similarity REAL NOT NULL,
        hits INTEGER NOT NULL, hits_needed INTEGER NOT NULL,
        pictures TEXT NOT NULL, top TEXT NOT NULL, clip TEXT,
        model_id TEXT NOT NULL, bundle TEXT NOT NULL, precision TEXT NOT NULL,
        provider TEXT NOT NULL, rejected TEXT
    );
    CREATE INDEX records_by_time ON records (detected_at);
    CREATE INDEX records_by_species ON records (species_id, detected_at);
    CREATE VIEW detections AS SELECT * FROM records WHERE rejected IS NULL;
    CREATE TABLE reviews (
        number INTEGER PRIMARY KEY, record TEXT NOT NULL REFERENCES records (id),
        verdict TEXT NOT NULL CHECK (verdict IN ('confirmed', 'rejected')),
        reviewed_at INTEGER NOT NULL, note TEXT NOT NULL DEFAULT ''
    );
    CREATE INDEX reviews_by_record ON reviews (record);
    """,
    """
    CREATE TABLE embeddings (
        record TEXT PRIMARY KEY REFERENCES records (id), embedding BLOB NOT NULL
    );
    """,
    "CREATE INDEX records_by_clip ON records (clip) WHERE clip IS NOT NULL",
)
"""Each leads from one version of the schema to the next; never changed once released."""


def open_kept(station: Path) -> "Store":
    """A station's records, to be asked.

    Raises:
        StoreError: it has none.
    """
    if not (station / FILE_NAME).is_file():
        raise StoreError(f"{station}: no records here; name a station: --station")
    return Store(station)


class Store:
    """birdlisten.db of a station. A damaged one is set aside and a new one begun.

    Args:
        station: folder, made if need be.

    Raises:
        StoreError: the folder can't be written, or the file is of a newer version.
    """

    def __init__(self, station: Path) -> None:
        self.path = station / FILE_NAME
        with _told(self.path):
            station.mkdir(parents=True, exist_ok=True)
            self._database = _open_sound(self.path)
            migrate(self._database, MIGRATIONS)

    def write(self, record: Record) -> None:
        """Keep a record; once this returns it survives a crash and a power cut.

        Raises:
            StoreError: the disk is full, say; what was kept before is unharmed.
        """
        with _told(self.path):
            if isinstance(record, Extension):
                self._database.execute(
                    "UPDATE records SET end_s = ?, hits = ? WHERE id = ?",
                    (record.end_s, record.hits, record.id),
                )
            elif isinstance(record, Evidence):
                rows = record.embedding.tobytes()
                self._database.execute("INSERT INTO embeddings VALUES (?, ?)", (record.id, rows))
            elif isinstance(record, Rejection):
                self._insert(record.candidate, record.reason)
            elif isinstance(record, Detection):
                self._insert(record, None)
            elif isinstance(record, ClipKept):
                self._database.execute(
                    "UPDATE records SET clip = ? WHERE id = ?", (record.path, record.id)
                )
            elif isinstance(record, ClipGone):
                self._database.execute(
                    "UPDATE records SET clip = NULL WHERE clip = ?", (record.path,)
                )

    def find(self, part: str) -> Detection | Rejection:
        """The record with a part of an id.

        Raises:
            StoreError: there is none, or several.
        """
        found = self._select("WHERE instr(id, ?) > 0 LIMIT 2", part)
        if len(found) != 1:
            problem = "several ids hold that; give more of it" if found else "no id holds that"
            raise StoreError(f"{part!r}: {problem}; `birdlisten why` lists the last ones")
        return found[0]

    def embedding(self, record: str) -> Float16s:
        """Embedding of the best window of a record, float16[dim].

        Raises:
            StoreError: it was not kept: the record is older than this was.
        """
        query = "SELECT embedding FROM embeddings WHERE record = ?"
        with _told(self.path):
            found = self._database.execute(query, (record,)).fetchone()
        if found is None:
            raise StoreError(f"{record}: how it was heard was not kept; review a newer record")
        return np.frombuffer(found["embedding"], np.float16)

    def review(self, record: str, verdict: str | None, note: str = "") -> None:
        """Note what a person says of a record; None takes it back."""
        with _told(self.path), self._database:  # commits, or rolls back
            self._database.execute("BEGIN IMMEDIATE")
            self._database.execute("DELETE FROM reviews WHERE record = ?", (record,))
            if verdict is not None:
                values = (record, verdict, clock.now_ms(), note)
                names = "record, verdict, reviewed_at, note"
                self._database.execute(f"INSERT INTO reviews ({names}) VALUES (?, ?, ?, ?)", values)

    def verdict(self, record: str) -> tuple[str, str] | None:
        """Review of a record: the verdict, and the note."""
        query = "SELECT verdict, note FROM reviews WHERE record = ?"
        with _told(self.path):
            found = self._database.execute(query, (record,)).fetchone()
        return None if found is None else (found["verdict"], found["note"])

    def last(self, count: int) -> list[Detection | Rejection]:
        """The records written last, oldest first."""
        return self._select("ORDER BY rowid DESC LIMIT ?", count)[::-1]

    def _select(self, rest: str, value: str | int) -> list[Detection | Rejection]:
        with _told(self.path):
            rows = self._database.execute(f"SELECT * FROM records {rest}", (value,)).fetchall()
        return [_record(dict(row)) for row in rows]

    def close(self) -> None:
        """Write what SQLite still keeps beside its file into it."""
        self._database.close()

    def _insert(self, found: Detection, rejected: str | None) -> None:
        values = {**asdict(found), "rejected": rejected}
        if found.detected_at is not None:
            values["detected_at"] = clock.milliseconds(found.detected_at)
        values |= {name: json.dumps(values[name], ensure_ascii=False) for name in _NESTED}
        names = ", ".join(values)
        places = ", ".join(f":{name}" for name in values)
        self._database.execute(f"INSERT INTO records ({names}) VALUES ({places})", values)


def migrate(database: sqlite3.Connection, migrations: Sequence[str]) -> None:
    """Bring a database to the newest version, step by step, each wholly or not at all.

    Raises:
        StoreError: it is newer already.
    """
    (version,) = database.execute("PRAGMA user_version").fetchone()
    if version > len(migrations):
        raise StoreError(
            f"the records are of version {version}, newer than {len(migrations)}, the newest this "
            "program knows; update it: pip install -U birdlisten"
        )
    for number in range(version, len(migrations)):
        step = f"BEGIN IMMEDIATE; {migrations[number]}; PRAGMA user_version = {number + 1}; COMMIT;"
        try:
            database.executescript(step)
        except sqlite3.Error:
            if database.in_transaction:
                database.execute("ROLLBACK")
            raise


def _open_sound(path: Path) -> sqlite3.Connection:
    database = _connect(path)
    try:
        (state,) = database.execute("PRAGMA quick_check(1)").fetchone()
        if state == "ok":
            return _prepared(database)
    except sqlite3.DatabaseError as error:
        if isinstance(error, sqlite3.OperationalError):
            raise  # locked, or not writable: nothing is wrong with the file
        state = str(error)
    database.close()
    _LOG.error("%s is damaged (%s); set aside as %s", path, state, _set_aside(path))
    return _prepared(_connect(path))


def _connect(path: Path) -> sqlite3.Connection:
    # Opened in one thread, written in another; never in two at once.
    database = sqlite3.connect(path, _BUSY_S, isolation_level=None, check_same_thread=False)
    database.row_factory = sqlite3.Row
    return database


def _prepared(database: sqlite3.Connection) -> sqlite3.Connection:
    """FULL: a commit costs a third of a millisecond, and the last ones survive a power cut."""
    for setting in _SETTINGS:
        database.execute(f"PRAGMA {setting}")
    return database


def _set_aside(path: Path) -> Path:
    """Rename a damaged file and what belongs to it."""
    mark = clock.iso_utc(clock.now_ms()).replace(":", "")
    aside = path.with_name(f"{path.name}.damaged-{mark}")
    for suffix in ("-wal", "-shm", ""):
        part = path.with_name(path.name + suffix)
        if part.exists():
            part.replace(aside.with_name(aside.name + suffix))
    return aside


def _record(row: dict[str, Any]) -> Detection | Rejection:
    reason = row.pop("rejected")
    values = {field.name: row[field.name] for field in fields(Detection)}
    values["pictures"] = tuple(Picture(**picture) for picture in json.loads(row["pictures"]))
    values["top"] = tuple(Candidate(**candidate) for candidate in json.loads(row["top"]))
    values["clock_synchronised"] = bool(row["clock_synchronised"])
    if row["detected_at"] is not None:
        values["detected_at"] = clock.iso_utc(row["detected_at"])
    found = Detection(**values)
    return found if reason is None else Rejection(found, reason)


@contextmanager
def _told(path: Path) -> Iterator[None]:
    """SQLite's and the system's errors as ours."""
    try:
        yield
    except (sqlite3.Error, OSError) as error:
        raise StoreError(f"{path}: {error}") from error
