"""Time and place of a recording: by its header, else by its file's name.

GUANO comes first, then bext, then AudioMoth's comment, then the name in the forms of the recorders
that are sold (aru-metadata-parser and the makers' manuals list them). A time without an offset is
local to nobody knows where, until a time zone is given: it is told, not guessed.
"""

import re
from dataclasses import dataclass
from datetime import datetime, timezone, tzinfo
from pathlib import Path

from edge.contract.coordinates import Coordinates
from edge.source.header import read_header
from edge.source.timestamp import moment
from edge.system.zone import offset_zone

_PLAIN = re.compile(
    r"(?<!\d)(?P<date>\d{8})(?P<by>[_$T -])(?P<time>\d{6})(?:_\d{6}(?!\d))?"
    r"(?:_?(?P<offset>[+-]\d{4})(?!\d))?(?![0-9])",
    re.ASCII,
)
_DASHED = re.compile(
    r"(?<!\d)(?P<date>\d{4}-\d\d-\d\d)(?:[_T ]|-birdnet-(?:RTSP_\d+-)?)"
    r"(?P<time>\d\d[-:.]?\d\d[-:.]?\d\d)(?!\d)",
    re.ASCII,
)
_EPOCH = re.compile(r"[0-9A-F]{8}T?", re.ASCII)
"""Name of an AudioMoth's early firmware: seconds since 1970."""
_AUDIOMOTH = re.compile(r"([0-9A-F]{16}_)?\d{8}_\d{6}T?", re.ASCII)
_SOLD_FROM, _SOLD_UNTIL = datetime(2015, 1, 1), datetime(2050, 1, 1)
"""Years in which eight hexadecimal digits may be a time."""
_GPS = "$"
"""Stands between date and time where a Song Meter's clock was set by GPS."""


@dataclass(frozen=True)
class Recorded:
    """Time and place of a recording."""

    begun_ms: int | None = None
    """UTC of the first sample, in milliseconds; None: not known."""
    zone: str = "UTC"
    """Time zone that it was made in: the given one's name, or the offset that the header says."""
    synchronised: bool = False
    """The recorder's clock was set by GPS."""
    place: Coordinates | None = None
    lacks_zone: bool = False
    """A time is written, but not of which zone."""


@dataclass(frozen=True)
class _Named:
    """Time that a file's name says."""

    begun: datetime
    is_gps: bool = False
    usual: tzinfo | None = None
    """Zone of a recorder that has one unless it is set otherwise."""


def recorded(path: Path, zone: tzinfo | None = None) -> Recorded:
    """Time and place of a file.

    Args:
        path: of the file; it need not be readable.
        zone: of times that have none of their own; None: not known.
    """
    header, named = read_header(path), _named(path.stem)
    begun, is_gps = header.begun, named is not None and named.is_gps
    if begun is None and named is not None:
        begun = named.begun
        zone = zone or named.usual
    if begun is None:
        return Recorded(place=header.place)
    if begun.tzinfo is None and zone is None:
        return Recorded(place=header.place, lacks_zone=True)
    local = begun if begun.tzinfo else begun.replace(tzinfo=zone)
    return Recorded(
        begun_ms=round(local.timestamp() * 1000),
        zone=str(zone or local.tzinfo),
        synchronised=is_gps,
        place=header.place,
    )


def _named(stem: str) -> _Named | None:
    if _EPOCH.fullmatch(stem):
        return _epoch(stem)
    if found := _PLAIN.search(stem):
        offset = found["offset"]
        usual = timezone.utc if _AUDIOMOTH.fullmatch(stem) else None
        return _read(found, offset_zone(offset) if offset else None, usual)
    found = _DASHED.search(stem)
    return None if found is None else _read(found)


def _read(
    found: re.Match[str], zone: tzinfo | None = None, usual: tzinfo | None = None
) -> _Named | None:
    date, time = (re.sub(r"\D", "", found[name]) for name in ("date", "time"))
    parts = (date[:4], date[4:6], date[6:], time[:2], time[2:4], time[4:])
    begun = moment(*map(int, parts), zone=zone)
    is_gps = found.groupdict().get("by") == _GPS
    return None if begun is None else _Named(begun, is_gps, usual)


def _epoch(stem: str) -> _Named | None:
    begun = datetime.fromtimestamp(int(stem[:8], 16), timezone.utc)
    possible = _SOLD_FROM <= begun.replace(tzinfo=None) < _SOLD_UNTIL
    return _Named(begun) if possible else None
