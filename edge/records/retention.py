"""Retention: candidates that were not reported go after some days, records and reviews never."""

import sqlite3
import time

from edge.records.schema import transaction
from edge.system import clock

_EVERY_S = 60.0
_STEP = 500
"""Rows a step: the writer is never held up for long."""
_FREE_PAGES = 256
"""Given back to the disk with a step."""
MOST_HEARD = 125_000
"""Records and candidates whose windows stay while no clock tells their age: of eight windows each
half a gigabyte and more."""
_DAY_MS = 86_400_000
_OLDEST = """
    SELECT number, id FROM kept_embeddings JOIN kept_records USING (number)
    WHERE id < ? ORDER BY number LIMIT ?
"""
_FIRST = "SELECT number FROM kept_embeddings WHERE number <= ? ORDER BY number LIMIT ?"
_CANDIDATE = """
    DELETE FROM kept_records WHERE number = ? AND rejected NOT NULL
    AND id NOT IN (SELECT record FROM reviews)
"""


class Retention:
    """Takes away what is older than some days, a little at a time.

    Ids begin with the time that they were given, which is what age is told by; the clock counts
    only while it is synchronised: one that was set wrong must not sweep the station. Without one,
    the windows of the newest 125,000 stay, with their candidates.

    Args:
        days: age of candidates, and of the embeddings of records; 0 keeps them.
    """

    def __init__(self, days: float) -> None:
        self._days = days
        self._next = 0.0

    def tidy(self, database: sqlite3.Connection) -> int:
        """One step, if one is due; the count of embeddings that went, most with their candidate.

        Raises:
            sqlite3.Error: the database is locked, or damaged.
        """
        if not self._days or time.monotonic() < self._next:
            return 0
        gone = self._step(database)
        if gone < _STEP:  # else there is more to do, with the next look
            self._next = time.monotonic() + _EVERY_S
        return gone

    def _step(self, database: sqlite3.Connection) -> int:
        old = [(row["number"],) for row in self._oldest(database)]
        if not old:
            return 0
        with transaction(database):
            database.executemany("DELETE FROM kept_embeddings WHERE number = ?", old)
            database.executemany(_CANDIDATE, old)
        # `execute` would stop after the first page.
        database.executescript(f"PRAGMA incremental_vacuum({_FREE_PAGES})")
        return len(old)

    def _oldest(self, database: sqlite3.Connection) -> list[sqlite3.Row]:
        """Rows that are too old, some at most."""
        if not clock.synchronised():
            (newest,) = database.execute("SELECT max(number) FROM kept_embeddings").fetchone()
            bound = (newest or 0) - MOST_HEARD
            return database.execute(_FIRST, (bound, _STEP)).fetchall()
        now_ms = clock.now_ms()
        before = first_id(round(now_ms - self._days * _DAY_MS))
        # Ids of a clock that was ahead lie in the future, and stand in nobody's way.
        oldest = database.execute(_OLDEST, (first_id(now_ms), _STEP)).fetchall()
        return [row for row in oldest if row["id"] < before]


def first_id(milliseconds: int) -> str:
    """The start of the ids given at a moment."""
    moment = f"{max(milliseconds, 0):012x}"
    return f"{moment[:8]}-{moment[8:]}"
