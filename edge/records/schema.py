"""Schema of birdlisten.db: its version, and how it comes to the newest one."""

import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from functools import cache
from pathlib import Path

from edge.contract.errors import StoreError
from edge.records.migrations import MIGRATIONS

FILE_NAME = "birdlisten.db"


def log_of(database: Path) -> Path:
    """The log that SQLite keeps beside a database."""
    return database.with_name(f"{database.name}-wal")


def check_version(database: sqlite3.Connection, known: int = len(MIGRATIONS)) -> int:
    """Version of a database, which is 0 for a new one.

    Raises:
        StoreError: it is newer than this program.
    """
    version: int = database.execute("PRAGMA user_version").fetchone()[0]
    if version < 0:
        raise sqlite3.DatabaseError("the version of the records is malformed")
    if version > known:
        raise StoreError(
            f"the records are of version {version}, newer than {known}, the newest this "
            "program knows; update it: pip install -U birdlisten"
        )
    return version


def migrate(database: sqlite3.Connection, migrations: Sequence[str] = MIGRATIONS) -> None:
    """Bring a database to the newest version, step by step, each wholly or not at all.

    Whoever comes second to a fresh file waits for the first, and finds nothing left to do.

    Raises:
        StoreError: it is newer already.
    """
    while check_version(database, len(migrations)) < len(migrations):
        with transaction(database):
            version = check_version(database, len(migrations))
            if version < len(migrations):
                _step(database, migrations[version], version + 1)


def check_definitions(database: sqlite3.Connection) -> None:
    """Check that tables, views, indexes and triggers of the newest version are as they were made.

    Raises:
        sqlite3.DatabaseError: one is missing, or its text is damaged.
    """
    missing = _definitions_made() - _definitions(database)
    if missing:
        raise sqlite3.DatabaseError(f"malformed: {sorted(name for name, _ in missing)[0]}")


@cache
def _definitions_made() -> frozenset[tuple[str, str]]:
    with closing(sqlite3.connect(":memory:", isolation_level=None)) as database:
        migrate(database)
        return _definitions(database)


def _definitions(database: sqlite3.Connection) -> frozenset[tuple[str, str]]:
    made = database.execute("SELECT name, sql FROM sqlite_schema WHERE sql NOT NULL")
    return frozenset((name, sql) for name, sql in made)


@contextmanager
def transaction(database: sqlite3.Connection) -> Iterator[None]:
    """Everything within or nothing."""
    database.execute("BEGIN IMMEDIATE")
    try:
        yield
        database.execute("COMMIT")
    except BaseException:
        if database.in_transaction:
            database.execute("ROLLBACK")
        raise


def _step(database: sqlite3.Connection, script: str, version: int) -> None:
    for statement in _statements(script):
        database.execute(statement)
    database.execute(f"PRAGMA user_version = {version}")


def _statements(script: str) -> Iterator[str]:
    """One by one: `executescript` would commit before the first."""
    held = ""
    for part in script.split(";"):
        held += part
        if held.strip() and sqlite3.complete_statement(held + ";"):
            yield held
            held = ""
        else:
            held += ";"
