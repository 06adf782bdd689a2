"""Search of reported records: by time, species, confidence, source and verdict.

The choice is one, paged in two ways: here by a number of records before, with the count of all, as
programs ask; in `edge.records.browsing` by the place of the last one shown, however many there are.
"""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from edge.contract.errors import ConfigError
from edge.records.detection import Detection
from edge.records.inbox import CONFIRMED, REJECTED, UNREVIEWED, VERDICTS, waiting_verdicts
from edge.records.query import Selection, conditions
from edge.records.reader import RecordReader, told
from edge.records.statistics import CONFIDENCE

_AT_ONCE = 500
Values = list[str | int | float]
"""Of a condition's question marks."""


@dataclass(frozen=True, kw_only=True)
class RecordSearch(Selection):
    """Choice of reported records by more than time and species.

    Raises:
        ConfigError: a verdict that there isn't.
    """

    least: float = 0.0
    """Confidence: probability, or cosine where the bundle isn't calibrated."""
    sources: Sequence[str] | None = None
    """None: all."""
    verdict: str | None = None
    """A person's: one of VERDICTS; None: all."""
    has_clip: bool = False

    def __post_init__(self) -> None:
        if self.verdict not in (None, *VERDICTS):
            raise ConfigError(f"verdict: {self.verdict!r}, expected one of {', '.join(VERDICTS)}")

    @property
    def is_by_time(self) -> bool:
        """A span is given: undated records have no part in it."""
        return self.since_ms is not None or self.until_ms is not None

    @property
    def is_tallied(self) -> bool:
        """Time and species are all that is asked, which tallies can count."""
        return not self.least and self.sources is None and not self.verdict and not self.has_clip


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
    where, asked = conditions(search)
    (tables, leading), (fits, further) = searched(records, search), fitting(records, search)
    values = (*leading, *asked, *further)
    order = "" if oldest else "DESC"
    chosen = f"FROM {tables} {where} AND {fits}"
    query = (
        f"SELECT number, id {chosen} ORDER BY detected_at {order}, number {order} LIMIT ? OFFSET ?"
    )
    with told(records.path):
        run = records.database.execute
        rows = run(query, (*values, limit, offset)).fetchall()
        (total,) = run(f"SELECT count(*) {chosen}", values).fetchone()
    order_of = {row["id"]: place for place, row in enumerate(rows)}
    page = records.numbered([row["number"] for row in rows])
    return Page(sorted(page, key=lambda record: order_of[record.id]), total)


def in_order(records: RecordReader, search: RecordSearch) -> Iterator[list[Detection]]:
    """All records of a search, by time, some hundred at once; undated ones come first."""
    where, asked = conditions(search)
    (tables, leading), (fits, further) = searched(records, search), fitting(records, search)
    query = f"SELECT number FROM {tables} {where} AND {fits} ORDER BY detected_at, number"
    with told(records.path):
        cursor = records.database.execute(query, (*leading, *asked, *further))
        while chunk := cursor.fetchmany(_AT_ONCE):
            yield records.numbered([number for (number,) in chunk])


def species_holding(records: RecordReader, text: str) -> list[str]:
    """Ids of the species whose id or names hold a text, in any case."""
    query = "SELECT DISTINCT species_id, scientific_name, common_name FROM species"
    with told(records.path):
        rows = records.database.execute(query).fetchall()
    part = text.casefold()
    return sorted({row["species_id"] for row in rows if any(part in n.casefold() for n in row)})


def searched(records: RecordReader, search: RecordSearch) -> tuple[str, Values]:
    """Tables that a search reads: reviews are few, and lead to their records."""
    if search.verdict not in (CONFIRMED, REJECTED):
        return "kept_records", []
    led = "(SELECT record AS led FROM reviews UNION SELECT value FROM json_each(?))"
    same, _ = _waiting(records, search.verdict)
    return f"{led} CROSS JOIN kept_records ON id = led", [same]


def fitting(records: RecordReader, search: RecordSearch) -> tuple[str, Values]:
    """Conditions that no index answers, as one."""
    parts, values = ["1"], Values()
    if search.least > 0:
        parts.append(f"{CONFIDENCE} >= ?")
        values.append(search.least)
    if search.has_clip:
        parts.append("clip NOT NULL")
    if search.sources is not None:
        parts.append(
            "context IN (SELECT number FROM contexts "
            "WHERE source IN (SELECT value FROM json_each(?)))"
        )
        values.append(json.dumps(list(search.sources)))
    if search.verdict is not None:
        parts.append(_VERDICT)
        values += [*_waiting(records, search.verdict), search.verdict]
    return " AND ".join(parts), values


_VERDICT = (
    "(id IN (SELECT value FROM json_each(?)) OR "
    "(id NOT IN (SELECT value FROM json_each(?)) AND coalesce((SELECT verdict FROM reviews "
    "WHERE record = id ORDER BY reviews.number DESC LIMIT 1), 'unreviewed') = ?))"
)
"""The verdict of a record: what waits in the inbox, else what is kept."""


def _waiting(records: RecordReader, verdict: str) -> tuple[str, str]:
    """Ids of the records that wait with a verdict, and of all that wait with any, as JSON."""
    newest = waiting_verdicts(records.station)
    same = [record for record, said in newest.items() if (said or UNREVIEWED) == verdict]
    return json.dumps(same), json.dumps([*newest])
