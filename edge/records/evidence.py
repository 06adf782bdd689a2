"""Evidence in birdlisten.db: the windows of each record, as long as its candidates are kept.

The first lies in `kept_embeddings`, and goes with its record's time; what came after it, and what
tells sounds apart, in `kept_windows`, which follows.
"""

import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from edge.records.schema import check_version

if TYPE_CHECKING:  # numpy: a third of the start of a command that needs none
    from edge.contract.arrays import Float16s

_WINDOWS = 10
"""Version from which all windows of a record are kept."""
_KEEP = """
    INSERT INTO kept_windows SELECT number, ?, ?, ? FROM kept_records WHERE id = ?
    ON CONFLICT (number) DO UPDATE SET
        windows = excluded.windows, others = excluded.others, sounds = excluded.sounds
    WHERE excluded.windows > windows
"""
_COLUMNS = """
    kept_records.id, embedding, {more} FROM kept_embeddings JOIN kept_records USING (number)
"""
_JOINED = "LEFT JOIN kept_windows USING (number)"


@dataclass(frozen=True)
class Evidence:
    """Windows of a detection or a rejection, as they were heard; it grows with its record."""

    id: str
    embedding: "Float16s"
    """float16[dim], of length 1: of the window that it was confirmed by."""
    others: "Float16s | None" = None
    """float16[n, dim]: of further windows."""
    sounds: "Float16s | None" = None
    """float16[1 + n, sound_dim], where something else than the embedding tells sounds apart."""

    @property
    def rows(self) -> "Float16s":
        """Embeddings of all windows, float16[1 + n, dim]."""
        import numpy as np

        best = self.embedding[None]
        return best if self.others is None else np.concatenate([best, self.others])

    @property
    def lessons(self) -> "Float16s":
        """Sounds that are taught by them, float16[1 + n, sound_dim]."""
        return self.rows if self.sounds is None else self.sounds


@dataclass(frozen=True)
class Decided:
    """A record or candidate in short: as what it was decided, and by what."""

    evidence: Evidence
    species_id: str
    hits_needed: int
    was_reported: bool


def keep_evidence(database: sqlite3.Connection, evidence: Evidence) -> None:
    """Keep it, or what has come since; what is there already stays as it is."""
    run, others, sounds = database.execute, evidence.others, evidence.sounds
    run("INSERT INTO embeddings VALUES (?, ?)", (evidence.id, evidence.embedding.tobytes()))
    if others is not None or sounds is not None:
        parts = [b"" if rows is None else rows.tobytes() for rows in (others, sounds)]
        run(_KEEP, (len(evidence.rows), *parts, evidence.id))


def evidence_of(database: sqlite3.Connection, record: str) -> Evidence | None:
    """The windows of a record; None if they are not kept."""
    query = f"SELECT {_query(database)} WHERE id = ? AND length(embedding)"
    row = database.execute(query, (record,)).fetchone()
    return None if row is None else _evidence(row)


def decided_since(
    database: sqlite3.Connection, first_id: str, model_id: str, most: int
) -> Iterator[Decided]:
    """The newest records and candidates of an encoder whose evidence is kept, newest first.

    Args:
        database: of a station.
        first_id: that an id must reach.
        model_id: of the encoder.
        most: how many at most.
    """
    joined = "JOIN contexts ON contexts.number = context JOIN species ON species.number = species"
    query = (
        f"SELECT species_id, hits_needed, rejected, {_query(database)} {joined} "
        "WHERE id >= ? AND model_id = ? AND length(embedding) ORDER BY id DESC LIMIT ?"
    )
    for row in database.execute(query, (first_id, model_id, most)):
        was_reported = row["rejected"] is None
        yield Decided(_evidence(row), row["species_id"], row["hits_needed"], was_reported)


def _query(database: sqlite3.Connection) -> str:
    if check_version(database) < _WINDOWS:
        return _COLUMNS.format(more="NULL AS windows, NULL AS others, NULL AS sounds")
    return _COLUMNS.format(more="windows, others, sounds") + _JOINED


def _evidence(row: sqlite3.Row) -> Evidence:
    """Rows whose sizes don't fit together are left out: a card may be damaged."""
    import numpy as np

    best = np.frombuffer(row["embedding"], np.float16)
    others, sounds = (_rows(row[name]) for name in ("others", "sounds"))
    windows = row["windows"] or 1
    if len(others) != (windows - 1) * len(best) or len(sounds) % windows:
        return Evidence(row["id"], best)
    return Evidence(
        row["id"],
        best,
        others.reshape(windows - 1, -1) if len(others) else None,
        sounds.reshape(windows, -1) if len(sounds) else None,
    )


def _rows(content: bytes | None) -> "Float16s":
    import numpy as np

    held = content or b""
    return np.frombuffer(held[: len(held) // 2 * 2], np.float16)
