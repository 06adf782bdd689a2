"""Sources of a station: microphones, streams and folders that its records come from."""

from hashlib import blake2s
from typing import NamedTuple

from edge.records.reader import RecordReader, told

_KEY_BYTES = 6


class SourceState(NamedTuple):
    """A source, and when it was last listened to."""

    name: str
    listened_ms: int | None
    """UTC in milliseconds; None of recordings."""

    @property
    def key(self) -> str:
        """A short name that tells sources apart and says nothing of their place."""
        return key_of(self.name)


def key_of(source: str) -> str:
    """The short name of a source."""
    return blake2s(source.encode("utf-8", "replace"), digest_size=_KEY_BYTES).hexdigest()


def sources(records: RecordReader) -> list[SourceState]:
    """All sources that records came from, or that were listened to; by name."""
    query = (
        "SELECT source, max(ended_ms) FROM listened GROUP BY source "
        "UNION ALL SELECT DISTINCT source, NULL FROM contexts "
        "WHERE source NOT IN (SELECT source FROM listened) ORDER BY 1"
    )
    with told(records.path):
        return [SourceState(*row) for row in records.database.execute(query)]
