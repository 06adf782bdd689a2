"""Reader of a station's records: opens read-only, never migrates, renames or repairs."""

import json
import logging
import os
import shutil
import sqlite3
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, closing, contextmanager
from dataclasses import fields, replace
from pathlib import Path
from types import MappingProxyType
from typing import Any
from urllib.parse import quote

from edge.contract.errors import BirdlistenError, StoreError
from edge.contract.taxonomy import slug
from edge.records import inbox
from edge.records.detection import (
    OF_RECORDINGS,
    Candidate,
    Detection,
    FileDone,
    Picture,
    Rejection,
)
from edge.records.evidence import Evidence, evidence_of
from edge.records.schema import FILE_NAME, check_version, log_of
from edge.system import clock

_LOG = logging.getLogger(__name__)
BUSY_S = 2.0
ID_CHARACTERS, _ENDING = 36, 12
"""Of a UUID, and of its last group, which tells records of one moment apart."""
_NUMBERED, PLACED = 4, 5
"""Versions from which records have numbers, and recordings their folder and card."""
AS_KEPT: Mapping[str, str] = MappingProxyType({})
FIELDS = tuple(field.name for field in fields(Detection))
"""Columns of a record, as it is told."""


class RecordReader:
    """Records of a station, to be asked.

    Args:
        station: the station's folder.
        database: an open birdlisten.db.
        names: common names by species id; of a species that is not among them, the one that was
            kept.
    """

    def __init__(
        self, station: Path, database: sqlite3.Connection, names: Mapping[str, str] = AS_KEPT
    ) -> None:
        self.station, self.path = station, station / FILE_NAME
        self._database, self._names = database, names

    def find(self, part: str) -> Detection | Rejection:
        """The record with an id, or a part of one.

        Raises:
            StoreError: there is none, or several.
        """
        found: list[Detection | Rejection] = []
        for condition, values in _conditions(part):
            found = self._select(f"WHERE {condition} LIMIT 2", values)
            if len(found) == 1:
                return found[0]
            if found:
                break
        problem = "several ids hold that; give more of it" if found else "no id holds that"
        raise StoreError(f"{part!r}: {problem}; `birdlisten why` lists the last ones")

    def find_whole(self, record: str) -> Detection | Rejection | None:
        """The record with a whole id; None if there is none."""
        return next(iter(self._select("WHERE id = ?", (record,))), None)

    def last(self, count: int) -> list[Detection | Rejection]:
        """The records written last, oldest first."""
        order = "rowid" if check_version(self._database) < _NUMBERED else "number"
        return self._select(f"ORDER BY {order} DESC LIMIT ?", (count,))[::-1]

    def evidence(self, record: str) -> Evidence:
        """Windows of a record, as they were heard.

        Raises:
            StoreError: they are not kept (any more).
        """
        with told(self.path):
            found = evidence_of(self._database, record)
        if found is None:
            raise StoreError(
                f"{record}: the embedding is not kept, it may be older than candidates_days; "
                "review a newer record"
            )
        return found

    def verdict(self, record: str) -> tuple[str, str] | None:
        """Review of a record: the verdict, and the note; what waits for the writer counts."""
        return self.verdicts([record])[0]

    def verdicts(self, records: Sequence[str]) -> list[tuple[str, str] | None]:
        """Reviews of records, as `verdict` gives that of one; each place is asked once."""
        newest = {review.record: review for review in inbox.waiting(self.station)}
        kept = self._kept_verdicts(records)
        return [
            _said(newest[record]) if record in newest else kept.get(record) for record in records
        ]

    def _kept_verdicts(self, records: Sequence[str]) -> dict[str, tuple[str, str]]:
        """Newest reviews in the database, by record."""
        query = (
            "SELECT record, verdict, note FROM json_each(?) CROSS JOIN reviews ON record = value "
            "ORDER BY number"
        )
        with told(self.path):
            found = self._database.execute(query, (json.dumps([*records]),)).fetchall()
        return {row["record"]: (row["verdict"], row["note"]) for row in found}

    def files_done(self) -> list[FileDone]:
        """Recordings that were analysed to their end."""
        with told(self.path):
            version = check_version(self._database)
            if version < _NUMBERED:
                return []
            table = "recordings" if version >= PLACED else "files"
            rows = self._database.execute(f"SELECT * FROM {table} ORDER BY rowid")
            names = [field.name for field in fields(FileDone)]
            return [
                FileDone(**{name: row[name] for name in row.keys() if name in names})
                for row in rows
            ]

    def numbered(self, numbers: Sequence[int]) -> list[Detection]:
        """Reported records by their numbers, in the order of their time."""
        places = ", ".join("?" * len(numbers))
        rest = f"WHERE number IN ({places}) ORDER BY detected_at, number"
        found = self._select(rest, numbers)
        return [record for record in found if isinstance(record, Detection)]

    def reported_in(self, recording: FileDone) -> list[Detection]:
        """Species reported in a recording, in the order of their beginnings."""
        found = self._select(
            "WHERE source = ? AND root IS ? AND volume IS ? AND rejected IS NULL "
            "ORDER BY channel, start_s, number",
            recording.key,
        )
        return [record for record in found if isinstance(record, Detection)]

    def named(self, row: Sequence[Any]) -> tuple[Any, ...]:
        """A row that begins with a species' id and names, with the common name to be told."""
        return (*row[:2], self._names.get(row[0], row[2]), *row[3:])

    @property
    def database(self) -> sqlite3.Connection:
        """The open file."""
        return self._database

    def close(self) -> None:
        """Let the file go."""
        self._database.close()

    def _select(self, rest: str, values: Sequence[str | int | None]) -> list[Detection | Rejection]:
        with told(self.path):
            rows = self._database.execute(f"SELECT * FROM records {rest}", values).fetchall()
        held = rows[0].keys() if rows else ()  # an old station has fewer
        names = [name for name in FIELDS if name in held or name not in OF_RECORDINGS]
        found = []
        for row in rows:
            try:
                found.append(self._record(row, names))
            except (ValueError, TypeError, OverflowError, OSError) as error:
                _LOG.warning("%s: a damaged record is left out (%s)", self.path, error)
        return found

    def _record(self, row: sqlite3.Row, names: Sequence[str]) -> Detection | Rejection:
        values: dict[str, Any] = {name: row[name] for name in names}
        values["pictures"] = tuple(Picture(**picture) for picture in json.loads(row["pictures"]))
        values["common_name"] = self._names.get(row["species_id"], row["common_name"])
        values["top"] = tuple(map(self._candidate, json.loads(row["top"])))
        values["clock_synchronised"] = bool(row["clock_synchronised"])
        if row["detected_at"] is not None:
            values["detected_at"] = clock.iso_utc(row["detected_at"])
        found, reason = Detection(**values), row["rejected"]
        return found if reason is None else Rejection(found, reason)

    def _candidate(self, kept: dict[str, Any]) -> Candidate:
        found = Candidate(**kept)
        name = self._names.get(slug(found.scientific_name)) if self._names else None
        return replace(found, common_name=name) if name else found


def _said(review: inbox.Review) -> tuple[str, str] | None:
    return None if review.verdict is None else (review.verdict, review.note)


@contextmanager
def open_records(station: Path, names: Mapping[str, str] = AS_KEPT) -> Iterator[RecordReader]:
    """A station's records, read-only; also of a card that can't be written, and beside a listener.

    Args:
        station: its folder.
        names: common names by species id, to be told in place of those that were kept.

    Raises:
        StoreError: it has none, or they can't be read.
    """
    path = station / FILE_NAME
    if not path.is_file():
        raise StoreError(f"{station}: no records here; name a station: --station")
    with told(path), ExitStack() as stack:
        database = stack.enter_context(closing(_opened(path, stack)))
        check_version(database)
        yield RecordReader(station, database, names)


@contextmanager
def told(path: Path) -> Iterator[None]:
    """SQLite's and the system's errors as ours."""
    try:
        yield
    except (sqlite3.Error, OSError, ValueError, TypeError) as error:
        if isinstance(error, (BirdlistenError, BrokenPipeError)):
            raise
        problem = error.strerror if isinstance(error, OSError) else None
        raise StoreError(f"{path}: {problem or error}") from error


def connect(path: Path, mode: str = "rwc") -> sqlite3.Connection:
    """A connection that commits by itself, for one thread at a time.

    Args:
        path: of the file.
        mode: `rwc`, `ro`, or `ro&immutable=1` where nobody writes.
    """
    database = sqlite3.connect(
        f"file:{quote(os.fsencode(path.absolute()))}?mode={mode}",
        BUSY_S,
        isolation_level=None,
        check_same_thread=False,
        uri=True,
    )
    database.row_factory = sqlite3.Row
    database.text_factory = lambda content: content.decode("utf-8", "replace")
    return database


def _opened(path: Path, stack: ExitStack) -> sqlite3.Connection:
    """Without a log beside it nobody writes; a log on a card that can't be written needs a copy."""
    log = log_of(path)
    if not log.exists():
        return connect(path, "ro&immutable=1")
    database = connect(path, "ro")
    try:
        database.execute("SELECT count(*) FROM sqlite_master").fetchone()
        return database
    except sqlite3.OperationalError as error:
        database.close()
        if "locked" in str(error):
            raise
    if not log.stat().st_size:
        return connect(path, "ro&immutable=1")
    spare = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="birdlisten-")))
    for file in (path, log):
        shutil.copyfile(file, spare / file.name)
    return connect(spare / path.name)


def _conditions(part: str) -> Iterator[tuple[str, tuple[str, ...]]]:
    """From what an index answers to what needs a look at every id."""
    if not part.isascii():
        return
    if len(part) == ID_CHARACTERS:
        yield "id = ?", (part,)
    elif len(part) == _ENDING:
        yield "substr(id, 25) = ?", (part,)
    if part:
        yield "id >= ? AND id < ?", (part, part[:-1] + chr(ord(part[-1]) + 1))
    yield "id IN (SELECT id FROM records WHERE instr(id, ?) > 0 LIMIT 2)", (part,)
