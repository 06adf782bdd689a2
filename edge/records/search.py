"""Search of reported records: by time, species, confidence, source and verdict, in pages."""

import json
from collections.abc import Sequence
from dataclasses import dataclass

from edge.records.detection import Detection
from edge.records.inbox import UNREVIEWED, waiting_verdicts
from edge.records.query import Selection, conditions
from edge.records.reader import RecordReader, told
from edge.records.statistics import CONFIDENCE


@dataclass(frozen=True, kw_only=True)
class RecordSearch(Selection):
    """Choice of reported records by more than time and species."""

    least: float = 0.0
    """Confidence."""
    sources: Sequence[str] | None = None
    """None: all."""
    verdict: str | None = None
    """`confirmed`, `rejected` or `unreviewed`; None: all."""


@dataclass(frozen=True)
class Page:
    """Some of the records that were found."""

    records: list[Detection]
    total: int
    """How many were found in all."""


def found(
    records: RecordReader,
    search: RecordSearch,
    limit: int,
    offset: int = 0,
    *,
    oldest: bool = False,
) -> Page:
    """A page of the records of a search, the newest first; undated ones are the oldest.

    Args:
        records: of the station.
        search: what is searched for.
        limit: records of a page.
        offset: records before it.
        oldest: the oldest first.
    """
    where, values = _where(records, search)
    order = "" if oldest else "DESC"
    query = (
        f"SELECT number, id FROM kept_records {where} "
        f"ORDER BY detected_at {order}, number {order} LIMIT ? OFFSET ?"
    )
    with told(records.path):
        run = records.database.execute
        rows = run(query, (*values, limit, offset)).fetchall()
        (total,) = run(f"SELECT count(*) FROM kept_records {where}", values).fetchone()
    order_of = {row["id"]: place for place, row in enumerate(rows)}
    page = records.numbered([row["number"] for row in rows])
    return Page(sorted(page, key=lambda record: order_of[record.id]), total)


def species_holding(records: RecordReader, text: str) -> list[str]:
    """Ids of the species whose id or names hold a text, in any case."""
    query = "SELECT DISTINCT species_id, scientific_name, common_name FROM species"
    with told(records.path):
        rows = records.database.execute(query).fetchall()
    part = text.casefold()
    return sorted({row["species_id"] for row in rows if any(part in n.casefold() for n in row)})


def _where(records: RecordReader, search: RecordSearch) -> tuple[str, list[str | int | float]]:
    where, known = conditions(search)
    parts, values = [where], list[str | int | float](known)
    if search.least > 0:
        parts.append(f"{CONFIDENCE} >= ?")
        values.append(search.least)
    if search.sources is not None:
        parts.append(
            "context IN (SELECT number FROM contexts "
            "WHERE source IN (SELECT value FROM json_each(?)))"
        )
        values.append(json.dumps(list(search.sources)))
    if search.verdict is not None:
        parts.append(_VERDICT)
        values += _waiting(records, search.verdict)
    return " AND ".join(parts), values


_VERDICT = (
    "(id IN (SELECT value FROM json_each(?)) OR "
    "(id NOT IN (SELECT value FROM json_each(?)) AND coalesce((SELECT verdict FROM reviews "
    "WHERE record = id ORDER BY reviews.number DESC LIMIT 1), 'unreviewed') = ?))"
)
"""The verdict of a record: what waits in the inbox, else what is kept."""


def _waiting(records: RecordReader, verdict: str) -> list[str]:
    """Values of `_VERDICT`."""
    newest = waiting_verdicts(records.station)
    same = [record for record, said in newest.items() if (said or UNREVIEWED) == verdict]
    return [json.dumps(same), json.dumps(list(newest)), verdict]
