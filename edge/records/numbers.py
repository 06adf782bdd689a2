"""Whole numbers for records, for programs that know no UUIDs: 53 bits, in the order of time.

    number = unix_ms << 12 | rand_a        of the record's UUIDv7: <8 hex>-<4 hex>-7<3 hex>-...

A number leads back to its record by the index of ids. Below 2^53, which JavaScript holds exactly,
until September 2039.
"""

import re

from edge.records.reader import RecordReader, told

_RANDOM_BITS = 12
_LAST = (1 << 48 + _RANDOM_BITS) - 1
_ID = re.compile(r"([0-9a-f]{8})-([0-9a-f]{4})-7([0-9a-f]{3})-")
_BEHIND = "."
"""Sorts right behind the hyphen that follows in an id."""


def number_of(record: str) -> int:
    """The number of a record by its id; 0 if that is no UUIDv7."""
    found = _ID.match(record)
    return int("".join(found.groups()), 16) if found else 0


def record_numbered(records: RecordReader, number: int) -> str | None:
    """Id of the record with a number; None if there is none, the first should there be several."""
    if not 0 < number <= _LAST:
        return None
    begin = _begin(number)
    query = "SELECT id FROM kept_records WHERE id >= ? AND id < ? ORDER BY id LIMIT 1"
    with told(records.path):
        row = records.database.execute(query, (begin, begin + _BEHIND)).fetchone()
    return None if row is None else str(row["id"])


def _begin(number: int) -> str:
    """The beginning of a number's ids."""
    text = f"{number:015x}"
    return f"{text[:8]}-{text[8:12]}-7{text[12:]}"
