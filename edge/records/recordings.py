"""Recordings in birdlisten.db: what was found in each is replaced when it is heard anew."""

import sqlite3
from collections.abc import Mapping

from edge.records.detection import Detection, FileBegun, FileDone

_SAME = "WHERE source = :source AND root IS :root AND volume IS :volume"
_OF_FILE = f"WHERE context IN (SELECT number FROM contexts {_SAME})"
_REVIEWED = "(SELECT record FROM reviews)"


def begin(database: sqlite3.Connection, begun: FileBegun) -> None:
    """Take away what was found in a recording, but for what people have reviewed."""
    run, values = database.execute, vars(begun)
    void = f"{_OF_FILE} AND id NOT IN {_REVIEWED}"
    kept = f"SELECT number FROM kept_records {void}"
    run(f"DELETE FROM kept_embeddings WHERE number IN ({kept})", values)
    run(f"DELETE FROM kept_records {void}", values)
    run(f"DELETE FROM recordings {_SAME}", values)


def enter(database: sqlite3.Connection, done: FileDone) -> None:
    """Note that a recording was heard to its end."""
    names, places = columns(vars(done))
    database.execute(f"INSERT OR REPLACE INTO recordings ({names}) VALUES ({places})", vars(done))


def is_reviewed(database: sqlite3.Connection, found: Detection) -> bool:
    """True of what is found in a recording once more, where a review of it stands."""
    query = (
        f"SELECT 1 FROM kept_records JOIN species ON species.number = species {_OF_FILE} "
        "AND species_id = :species_id AND start_s < :end_s AND end_s > :start_s "
        f"AND id IN {_REVIEWED} LIMIT 1"
    )
    return database.execute(query, vars(found)).fetchone() is not None


def columns(values: Mapping[str, object]) -> tuple[str, str]:
    """Names of columns, and places for their values."""
    return ", ".join(values), ", ".join(f":{name}" for name in values)
