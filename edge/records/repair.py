"""Repair of a damaged database: its indexes, else all that can be read, else set aside."""

import logging
import shutil
import sqlite3
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import closing, suppress
from pathlib import Path
from typing import Any

from edge.contract.errors import StoreError
from edge.records.migrations import MIGRATIONS
from edge.records.pages import Value, stray_rows
from edge.records.reader import connect
from edge.records.schema import FILE_NAME, migrate, transaction
from edge.system import clock

_LOG = logging.getLogger(__name__)
CHECK_S = 2.0
"""A check at the start takes no longer, however large the file; what it misses shows when used."""
_FORMER, _FORMER_WIDTH, _WIDTH = 3, 25, 17
"""The last version whose records were one table, and the columns of that, and of today's."""
_NUMBERED = 4
"""The version after it, whose recordings are a table `files`."""
BROKEN = (sqlite3.DatabaseError, UnicodeDecodeError)
"""Errors of a damaged file: what SQLite says of it may hold bytes of it."""
_KINDS: dict[str, type | tuple[type, ...]] = {
    "TEXT": str,
    "INTEGER": int,
    "REAL": (float, int),
    "BLOB": bytes,
}
_STEPS = 10_000
"""Of SQLite's machine between two looks at the clock."""
_ROOM = 64_000_000
"""Bytes; with less free a new database would soon stand still, too."""
_PASSING = (
    *("locked", "busy", "full", "disk I/O", "readonly", "unable to open", "out of memory"),
    *("interrupted", "closed database", "protocol"),
)
"""Words of SQLite for trouble that is not the file's."""
_FARTHEST = 1 << 40
"""No station has more rows."""


def problem(database: sqlite3.Connection, limit_s: float = CHECK_S) -> str | None:
    """First thing that is wrong with a database; None if nothing was found within a time.

    Raises:
        sqlite3.OperationalError: it is locked, say: nothing is known then.
    """
    until = time.monotonic() + limit_s
    database.set_progress_handler(lambda: time.monotonic() > until, _STEPS)
    try:
        (state,) = database.execute("PRAGMA quick_check(1)").fetchone()
        return None if state == "ok" else str(state)
    except sqlite3.OperationalError as error:
        if "interrupted" in str(error):
            return None
        raise
    except BROKEN as error:
        return str(error)
    finally:
        database.set_progress_handler(None, 0)


def is_damage(error: sqlite3.DatabaseError) -> bool:
    """False of what may pass: locked, no room, a disk that doesn't answer."""
    return not any(word in str(error) for word in _PASSING)


def reindex(database: sqlite3.Connection) -> bool:
    """Make all indexes anew; whether that has mended it."""
    try:
        with transaction(database):
            database.execute("REINDEX")
        return problem(database) is None
    except sqlite3.OperationalError:
        raise  # locked, or no room: nothing is known
    except BROKEN:
        return False


def recover(path: Path) -> Path:
    """Copy what can be read into a new file, and put that in the place of the damaged one.

    The damaged file and what belongs to it stay beside, under another name. Where there is no room
    for a copy a new database is begun, and all stays in the damaged one.

    Args:
        path: of the damaged database, which nobody has open.

    Returns:
        Where the damaged one lies now.

    Raises:
        StoreError: the disk is full; all is as it was.
    """
    fresh = path.with_name(f"{FILE_NAME}.recovering")
    kept = _salvaged(path, fresh)
    if kept is not None:
        fresh.replace(_recovered(path))
    damaged = _set_aside(path)
    finish(path)
    _LOG.error(
        "%s is damaged; %s recovered, and the damaged file set aside as %s",
        path,
        "nothing" if kept is None else f"{kept} records",
        damaged,
    )
    return damaged


def finish(path: Path) -> None:
    """Put a recovered database in its place, if a recovery was broken off just before that."""
    recovered = _recovered(path)
    if recovered.exists() and not path.exists():
        recovered.replace(path)


def _recovered(path: Path) -> Path:
    return path.with_name(f"{FILE_NAME}.recovered")


def _salvaged(path: Path, fresh: Path) -> int | None:
    """Count of the records copied; None if there was no room for them."""
    _remove(fresh)
    try:
        return _salvage(path, fresh)
    except (OSError, sqlite3.OperationalError) as error:
        _remove(fresh)
        if shutil.disk_usage(path.parent).free < _ROOM:
            raise StoreError(
                f"{path}: is damaged, and there is no room to recover it; make room: its size, "
                "and as much again"
            ) from error
        _LOG.error("%s: can't be recovered (%s)", path, error)
        return None


def _salvage(path: Path, fresh: Path) -> int:
    with closing(connect(fresh)) as new:
        new.execute("PRAGMA auto_vacuum = INCREMENTAL")
        new.execute("PRAGMA journal_mode = WAL")
        migrate(new, MIGRATIONS[: _version(path)])
        if path.stat().st_size:
            with suppress(*BROKEN), closing(connect(path)) as old:
                _copy_tables(old, new)
        _copy_strays(path, new)
        migrate(new)
        (kept,) = new.execute("SELECT count(*) FROM records").fetchone()
        new.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        return int(kept)


def _version(path: Path) -> int:
    """Version whose tables a database has; by its rows, if it doesn't tell."""
    tables = set[str]()
    if path.stat().st_size:  # else SQLite would throw the log away
        with suppress(*BROKEN), closing(connect(path, "ro")) as database:
            tables = {name for (name,) in database.execute("SELECT name FROM sqlite_schema")}
    if not tables & {"records", "kept_records"}:
        widths = Counter(len(values) for _, values in stray_rows(path))
        tables = {"records"} if widths[_FORMER_WIDTH] > widths[_WIDTH] else {"kept_records"}
    if "kept_records" not in tables:
        return _FORMER
    return _NUMBERED if "files" in tables else len(MIGRATIONS)


def _tables(database: sqlite3.Connection) -> Iterator[tuple[str, list[sqlite3.Row]]]:
    """Names of the tables, with their columns; tallies follow the records by themselves."""
    tables = (
        "SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite_%' "
        "AND sql NOT LIKE '%WITHOUT ROWID%'"
    )
    for (table,) in database.execute(tables).fetchall():
        yield table, database.execute(f"PRAGMA table_info({table})").fetchall()


def _copy_tables(old: sqlite3.Connection, new: sqlite3.Connection) -> None:
    """Rows that can be read, around those that can't."""
    for table, columns in _tables(new):
        names = ", ".join(one["name"] for one in columns if one["name"] != "number")
        with transaction(new):
            for row in _readable(old, f"SELECT rowid AS row, {names} FROM {table} NOT INDEXED"):
                _put(new, table, names, [*row])


def _put(database: sqlite3.Connection, table: str, names: str, row: list[Any]) -> None:
    """Insert a row, its rowid first, unless it is there."""
    places = ", ".join("?" * len(row))
    database.execute(f"INSERT OR IGNORE INTO {table} (rowid, {names}) VALUES ({places})", row)


def _readable(database: sqlite3.Connection, query: str) -> Iterator[sqlite3.Row]:
    at: int | None = 0
    while at is not None:
        try:
            for row in database.execute(f"{query} WHERE rowid > ? ORDER BY rowid", (at,)):
                if row["row"] <= at:  # a damaged page leads back: there is no end to that
                    raise sqlite3.DatabaseError("rows out of order")
                at = row["row"]
                yield row
            return
        except sqlite3.OperationalError:
            return  # no such table, in an old version
        except BROKEN:
            at = _beyond(database, query, at or 0)


def _beyond(database: sqlite3.Connection, query: str, at: int) -> int | None:
    """The place behind which rows can be read again; None if there is none."""
    reach = 1
    while not _reads(database, query, at + reach):
        reach *= 2
        if reach > _FARTHEST:
            return None
    low, high = at + reach // 2, at + reach
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if _reads(database, query, middle) else (middle, high)
    return high


def _reads(database: sqlite3.Connection, query: str, at: int) -> bool:
    try:
        database.execute(f"{query} WHERE rowid > ? ORDER BY rowid LIMIT 1", (at,)).fetchone()
        return True
    except BROKEN:
        return False


def _copy_strays(path: Path, new: sqlite3.Connection) -> None:
    """Rows on pages that nothing leads to any more: their values tell the table."""
    tables = {table: columns for table, columns in _tables(new)}
    with transaction(new):
        for number, values in stray_rows(path):
            for table, columns in tables.items():
                if _belongs(columns, values):
                    named = zip(columns, values, strict=False)
                    own = {column["name"]: value for column, value in named}
                    own.pop("number", None)  # which is the rowid
                    _put(new, table, ", ".join(own), [number, *own.values()])


def _belongs(columns: Sequence[sqlite3.Row], values: Sequence[Value]) -> bool:
    """True if a row is of a table; columns that were added later, its file lacks."""
    added = columns[len(values) :]
    whole = len(values) <= len(columns) and not any(column["notnull"] for column in added)
    return whole and all(map(_fits, columns, values))


def _fits(column: sqlite3.Row, value: Value) -> bool:
    if column["name"] == "number":  # is kept as the row's own, and left empty
        return value is None
    if value is None:
        return not column["notnull"]
    return isinstance(value, _KINDS[column["type"]])


def _set_aside(path: Path) -> Path:
    """Rename a damaged file and what belongs to it."""
    mark = clock.iso_utc(clock.now_ms()).replace(":", "")
    aside = path.with_name(f"{path.name}.damaged-{mark}")
    for suffix in ("-wal", "-shm", ""):
        part = path.with_name(path.name + suffix)
        if part.exists():
            part.replace(aside.with_name(aside.name + suffix))
    return aside


def _remove(path: Path) -> None:
    for suffix in ("-wal", "-shm", ""):
        path.with_name(path.name + suffix).unlink(missing_ok=True)
