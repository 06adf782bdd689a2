"""Pictures and names that thousands of records repeat: kept once, and referred to by number."""

import json
import sqlite3
from collections.abc import Iterable
from dataclasses import dataclass

from edge.records.detection import Candidate, Picture


@dataclass(frozen=True)
class _Shared:
    """A table of what is kept once."""

    table: str
    columns: tuple[str, ...]

    def number(self, database: sqlite3.Connection, whole: Picture | Candidate) -> int:
        """Number of the row with the values of a picture or candidate, made if need be."""
        values = [getattr(whole, name) for name in self.columns]
        same = " AND ".join(f"{name} IS ?" for name in self.columns)
        query = f"SELECT number FROM {self.table} WHERE {same}"
        found = database.execute(query, values).fetchone()
        if found is not None:
            return int(found[0])
        names, places = ", ".join(self.columns), ", ".join("?" * len(values))
        query = f"INSERT INTO {self.table} ({names}) VALUES ({places})"
        return int(database.execute(query, values).lastrowid or 0)


_PICTURES = _Shared("pictures", ("file", "url", "author", "licence"))
_NAMES = _Shared("names", ("scientific_name", "common_name"))


def packed_pictures(database: sqlite3.Connection, pictures: Iterable[Picture]) -> str:
    """JSON `[[number, similarity], ...]` of pictures; new ones get a number."""
    return _json([_PICTURES.number(database, one), one.similarity] for one in pictures)


def packed_candidates(database: sqlite3.Connection, top: Iterable[Candidate]) -> str:
    """JSON `[[number, score, probability], ...]` of species; new names get a number."""
    return _json([_NAMES.number(database, one), one.score, one.probability] for one in top)


def _json(entries: Iterable[list[float | int | None]]) -> str:
    return json.dumps(list(entries), separators=(",", ":"))
