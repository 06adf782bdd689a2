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
MOST_CANDIDATES = 1_000_000
"""Candidates that stay while no clock tells their age."""
_DAY_MS = 86_400_000
_OLD_CANDIDATES = """
    SELECT id FROM records WHERE rejected IS NOT NULL AND id < ?
    AND NOT EXISTS (SELECT 1 FROM reviews WHERE record = records.id) ORDER BY id LIMIT ?
"""
_OLD_EVIDENCE = "SELECT record FROM embeddings WHERE record < ? ORDER BY record LIMIT ?"


class Retention:
    """Takes away what is older than some days, a little at a time.

    Ids begin with the time that they were given, which is what age is told by; the clock counts
    only while it is synchronised: one that was set wrong must not sweep the station. Without one,
    the newest million candidates stay.

    Args:
        days: age of candidates, and of the embeddings of records; 0 keeps them.
    """

    def __init__(self, days: float) -> None:
        self._days = days
        self._next = 0.0

    def tidy(self, database: sqlite3.Connection) -> int:
        """One step, if one is due; the count of candidates that went.

        Raises:
            sqlite3.Error: the database is locked, or damaged.
        """
        if not self._days or time.monotonic() < self._next:
            return 0
        gone = self._step(database, self._oldest_kept(database))
        if gone < _STEP:  # else there is more to do, with the next look
            self._next = time.monotonic() + _EVERY_S
        return gone

    def _oldest_kept(self, database: sqlite3.Connection) -> str:
        if clock.synchronised():
            return _first_id(round(clock.now_ms() - self._days * _DAY_MS))
        query = "SELECT id FROM records WHERE rejected IS NOT NULL ORDER BY id DESC LIMIT 1"
        found = database.execute(f"{query} OFFSET {MOST_CANDIDATES}").fetchone()
        return "" if found is None else str(found[0])

    def _step(self, database: sqlite3.Connection, before: str) -> int:
        with transaction(database):
            old = database.execute(_OLD_CANDIDATES, (before, _STEP)).fetchall()
            spent = database.execute(_OLD_EVIDENCE, (before, 2 * _STEP)).fetchall()
            for (record,) in (*old, *spent):
                database.execute("DELETE FROM embeddings WHERE record = ?", (record,))
            for (record,) in old:
                database.execute("DELETE FROM records WHERE id = ?", (record,))
        if old or spent:
            # `execute` would stop after the first page.
            database.executescript(f"PRAGMA incremental_vacuum({_FREE_PAGES})")
        return max(len(old), len(spent) // 2)


def _first_id(milliseconds: int) -> str:
    """The start of the ids given at a moment."""
    moment = f"{max(milliseconds, 0):012x}"
    return f"{moment[:8]}-{moment[8:]}"
