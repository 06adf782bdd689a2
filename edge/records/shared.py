"""Pictures and names that thousands of records repeat: kept once, and referred to by number."""

import json
import sqlite3
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from edge.records.detection import Candidate, Picture


@dataclass(frozen=True)
class _Shared:
    """A table of what is kept once."""

    table: str
    columns: tuple[str, ...]

    def number(self, database: sqlite3.Connection, whole: Picture | Candidate) -> int:
        """Number of a row with the values of a picture or candidate, made if need be."""
        values = [getattr(whole, name) for name in self.columns]
        same = " AND ".join(f"{name} IS ?" for name in self.columns)
        query = f"SELECT number FROM {self.table} WHERE {same}"
        found = database.execute(query, values).fetchone()
        if found is not None:
            return int(found[0])
        names, places = ", ".join(self.columns), ", ".join("?" * len(values))
        query = f"INSERT INTO {self.table} ({names}) VALUES ({places})"
        return int(database.execute(query, values).lastrowid or 0)

    def row(self, database: sqlite3.Connection, number: int) -> dict[str, Any] | None:
        """Values by name of a row; None if a damage has taken it."""
        query = f"SELECT {', '.join(self.columns)} FROM {self.table} WHERE number = ?"
        found = database.execute(query, (number,)).fetchone()
        return None if found is None else dict(zip(self.columns, found, strict=True))


_PICTURES = _Shared("pictures", ("file", "url", "author", "licence"))
_NAMES = _Shared("names", ("scientific_name", "common_name"))


def packed_pictures(database: sqlite3.Connection, pictures: Iterable[Picture]) -> str:
    """JSON `[[number, similarity], ...]` of pictures; new ones get a number."""
    return _json([_PICTURES.number(database, one), one.similarity] for one in pictures)


def packed_candidates(database: sqlite3.Connection, top: Iterable[Candidate]) -> str:
    """JSON `[[number, score, probability], ...]` of species; new names get a number."""
    return _json([_NAMES.number(database, one), one.score, one.probability] for one in top)


def read_pictures(database: sqlite3.Connection, text: str) -> Iterator[Picture]:
    """Back from `packed_pictures`; records before version 4 hold the whole picture."""
    for entry in json.loads(text):
        if isinstance(entry, dict):
            yield Picture(**entry)
        elif found := _PICTURES.row(database, entry[0]):
            yield Picture(**found, similarity=entry[1])


def read_candidates(database: sqlite3.Connection, text: str) -> Iterator[Candidate]:
    """Back from `packed_candidates`; records before version 4 hold the names themselves."""
    for entry in json.loads(text):
        if isinstance(entry, dict):
            yield Candidate(**entry)
        elif found := _NAMES.row(database, entry[0]):
            yield Candidate(**found, score=entry[1], probability=entry[2])


def _json(entries: Iterable[list[float | int | None]]) -> str:
    return json.dumps(list(entries), separators=(",", ":"))
