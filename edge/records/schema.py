"""Schema of birdlisten.db, and the steps from one version to the next."""

import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from edge.contract.errors import StoreError

FILE_NAME = "birdlisten.db"
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
    # What thousands of records repeat is kept once; `pictures` and `top` refer to it by number,
    # and the view shows it in full to whoever asks by SQL.
    """
    CREATE TABLE pictures (
        number INTEGER PRIMARY KEY, file TEXT, url TEXT, author TEXT NOT NULL, licence TEXT NOT NULL
    );
    CREATE INDEX pictures_by_content ON pictures (file, url, author, licence);
    CREATE TABLE names (
        number INTEGER PRIMARY KEY, scientific_name TEXT NOT NULL, common_name TEXT NOT NULL
    );
    CREATE INDEX names_by_content ON names (scientific_name, common_name);
    CREATE TABLE files (
        source TEXT PRIMARY KEY, size INTEGER NOT NULL, modified_ns INTEGER NOT NULL
    );
    CREATE INDEX records_by_ending ON records (substr(id, 25));
    CREATE INDEX candidates_by_id ON records (id) WHERE rejected IS NOT NULL;
    DROP VIEW detections;
    CREATE VIEW detections AS SELECT
        id, schema, station, detected_at, time_zone, clock_synchronised, start_s, end_s, source,
        species_id, scientific_name, common_name, probability, score, similarity, hits, hits_needed,
        (SELECT json_group_array(json(iif(type = 'object', value, json_object(
            'file', file, 'url', url, 'author', author, 'licence', licence,
            'similarity', json_extract(value, '$[1]')
        )))) FROM json_each(records.pictures)
        LEFT JOIN pictures ON number = json_extract(value, '$[0]')) AS pictures,
        (SELECT json_group_array(json(iif(type = 'object', value, json_object(
            'scientific_name', names.scientific_name, 'common_name', names.common_name,
            'score', json_extract(value, '$[1]'), 'probability', json_extract(value, '$[2]')
        )))) FROM json_each(records.top)
        LEFT JOIN names ON number = json_extract(value, '$[0]')) AS top,
        clip, model_id, bundle, precision, provider
    FROM records WHERE rejected IS NULL;
    """,
)
"""Each leads from one version of the schema to the next; never changed once released."""


def check_version(database: sqlite3.Connection, known: int = len(MIGRATIONS)) -> int:
    """Version of a database, which is 0 for a new one.

    Raises:
        StoreError: it is newer than this program.
    """
    version: int = database.execute("PRAGMA user_version").fetchone()[0]
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
