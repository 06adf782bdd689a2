"""Moments as they are written, in ISO 8601 or by their numbers."""

import re
from datetime import datetime, tzinfo

from edge.system.zone import offset_zone

_TIMESTAMP = re.compile(
    r"(\d{4})-(\d\d)-(\d\d)[T ](\d\d):(\d\d)(?::(\d\d)(?:[.,](\d{1,9}))?)? ?"
    r"(Z|[+-]\d\d?:?(?:\d\d)?)?",
    re.ASCII | re.I,
)
_FIRST_YEAR = 1990
"""A recorder without a clock that was set writes 1970, or 2000 of another epoch."""


def read_timestamp(text: str) -> datetime | None:
    """A moment in ISO 8601, to the microsecond; None if it is none."""
    found = _TIMESTAMP.fullmatch(text.strip())
    if found is None:
        return None
    *numbers, second, fraction, offset = found.groups()
    microseconds = int((fraction or "0")[:6].ljust(6, "0"))
    zone = None if offset is None else offset_zone("+00" if offset in "Zz" else offset)
    parts = (*map(int, numbers), int(second or 0), microseconds)
    return moment(*parts, zone=zone)


def moment(*numbers: int, zone: tzinfo | None = None) -> datetime | None:
    """A moment by year, month, day and so on; None if there is no such one, or no clock was set."""
    try:
        found = datetime(*numbers, tzinfo=zone)  # type: ignore[arg-type, misc]
    except ValueError:
        return None
    return found if found.year >= _FIRST_YEAR else None
