"""Header of a recording: when and where it was made, as its recorder wrote it.

GUANO (the bat community's metadata, github.com/riggsd/guano-spec), bext (EBU Tech 3285), and the
comment that AudioMoths write.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path

from edge.contract.coordinates import Coordinates
from edge.contract.errors import ConfigError
from edge.source.riff import content, read_chunks
from edge.source.timestamp import moment, read_timestamp
from edge.system.zone import offset_zone

_COMMENT = re.compile(
    r"Recorded at (\d\d):(\d\d):(\d\d)(?:\.\d+)? (\d\d)/(\d\d)/(\d{4}) "
    r"\(UTC([+-]\d{1,2}:?(?:\d\d)?)?\)",
    re.ASCII,
)
_BEXT = re.compile(r"(\d{4})\D(\d\d)\D(\d\d)(\d\d)\D(\d\d)\D(\d\d)", re.ASCII)
_READ = (b"guan", b"bext", b"LIST")
_BEXT_MOMENT = slice(320, 338)
"""Date and time, behind description, originator and its reference."""


@dataclass(frozen=True)
class RecordingHeader:
    """Facts of a recorder about its recording."""

    begun: datetime | None = None
    """Of the first sample; without an offset it is of a zone that isn't said."""
    place: Coordinates | None = None


def read_header(path: Path) -> RecordingHeader:
    """The header of a file; empty where there is none, or none can be read."""
    try:
        with path.open("rb") as file:
            found = {
                chunk.name: content(file, chunk)
                for chunk in read_chunks(file)
                if chunk.name in _READ
            }
    except OSError:
        return RecordingHeader()
    guano = dict(_fields(found.get(b"guan", b"").decode("utf-8", "replace")))
    moments = (
        read_timestamp(guano.get("timestamp", "")),
        _bext_moment(found.get(b"bext", b"")),
        _comment_moment(found.get(b"LIST", b"")),
    )
    return RecordingHeader(next(filter(None, moments), None), _place(guano.get("loc position", "")))


def _fields(text: str) -> Iterator[tuple[str, str]]:
    """Names in lower case, with their values."""
    for line in text.splitlines():
        name, colon, value = line.partition(":")
        if colon:
            yield name.strip().lower(), value.strip("\0 \t")


def _bext_moment(content: bytes) -> datetime | None:
    found = _BEXT.fullmatch(content[_BEXT_MOMENT].decode("latin-1"))
    return None if found is None else moment(*map(int, found.groups()))


def _comment_moment(content: bytes) -> datetime | None:
    found = _COMMENT.search(content.decode("latin-1"))
    if found is None:
        return None
    *numbers, offset = found.groups()
    hour, minute, second, day, month, year = map(int, numbers)
    zone = timezone.utc if offset is None else offset_zone(offset)
    parts = (year, month, day, hour, minute, second)
    return moment(*parts, zone=zone)


def _place(text: str) -> Coordinates | None:
    numbers = re.findall(r"[+-]?\d+(?:\.\d+)?", text)
    try:
        return Coordinates(float(numbers[0]), float(numbers[1])) if len(numbers) == 2 else None
    except ConfigError:
        return None
