"""Moments of a species: its first record, its last, and the last before another."""

from edge.records.reader import RecordReader, told


def last_before(reader: RecordReader, species_id: str, moment_ms: int) -> int | None:
    """The last record of a species before a moment, in milliseconds."""
    return _edge(reader, species_id, bound="detected_at < ?", order="DESC", moment_ms=moment_ms)


def first_of(reader: RecordReader, species_id: str) -> int | None:
    """The first dated record of a species, in milliseconds."""
    return _edge(reader, species_id, bound="detected_at >= ?", order="ASC", moment_ms=-(1 << 62))


def last_of(reader: RecordReader, species_id: str) -> int | None:
    """The last dated record of a species, in milliseconds."""
    return _edge(reader, species_id, bound="detected_at < ?", order="DESC", moment_ms=1 << 62)


def _edge(
    reader: RecordReader, species_id: str, bound: str, order: str, moment_ms: int
) -> int | None:
    """Of each name that the species went by an index gives the first row at once."""
    query = (
        f"SELECT detected_at FROM kept_records WHERE species = ? AND {bound} "
        f"AND rejected IS NULL ORDER BY detected_at {order} LIMIT 1"
    )
    numbers = "SELECT number FROM species WHERE species_id = ?"
    with told(reader.path):
        run = reader.database.execute
        names = [number for (number,) in run(numbers, (species_id,))]
        rows = [run(query, (number, moment_ms)).fetchone() for number in names]
    found = [row[0] for row in rows if row is not None]
    return None if not found else max(found) if order == "DESC" else min(found)
