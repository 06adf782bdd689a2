"""Time zone of the machine, as its C library has it: TZ, else /etc/localtime.

A container is given its host's zone as a file of any name, and its own /etc/timezone says nothing
about it; that one counts only where there is nothing else.
"""

import io
import os
import re
import struct
import zoneinfo
from collections.abc import Iterator
from datetime import datetime, timedelta, timezone, tzinfo
from functools import lru_cache
from pathlib import Path
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from edge.contract.errors import ConfigError
from edge.contract.text import well_formed

LOCALTIME, TIMEZONE = Path("/etc/localtime"), Path("/etc/timezone")
_MOUNTS = Path("/proc/self/mountinfo")
_UTC = {"UTC", "UCT", "GMT", "Zulu", "Universal", "Greenwich", "UTC0", "GMT0"}
"""Names that need no time zone database, alone or below Etc/."""
_OFFSET = re.compile(r"([+-])([01]?\d|2[0-3]):?([0-5]\d)?", re.ASCII)
_UNREADABLE = (OSError, ValueError, struct.error)
_HEADER = b"TZif2" + bytes(31) + b"\0\0\0\1" * 2 + bytes(7)
"""Of a zone file with no transition and one zone of offset 0 (RFC 8536); twice, then a rule."""


def zone_name() -> str:
    """IANA name of the zone; of a nameless file that no database holds, its offset now."""
    named = _named()
    if isinstance(named, str):
        return well_formed(named)
    if not named.exists():
        return _link_name(named) or "UTC"
    status = named.stat()
    return _file_name(named, (status.st_dev, status.st_ino, status.st_mtime_ns))


def local_zone() -> tzinfo:
    """The zone's offsets.

    Raises:
        ConfigError: the zone is unknown, or there is no database that holds it.
    """
    named = _named()
    if isinstance(named, str):
        return _zone(named)
    try:
        return _read(named, key=zone_name())
    except FileNotFoundError:
        return _zone(_link_name(named) or "UTC")
    except _UNREADABLE as error:
        raise _unknown(str(named)) from error


def named_zone(name: str) -> tzinfo:
    """The zone of a name such as Europe/Berlin, of an offset such as +02:00, or of a rule.

    Raises:
        ConfigError: it is unknown.
    """
    name = name.strip()
    return offset_zone(name.removeprefix("UTC")) or _zone(name)


def offset_zone(text: str) -> tzinfo | None:
    """The zone of `-5`, `+02:00` or `+0130`; None if it is none."""
    found = _OFFSET.fullmatch(text)
    if found is None:
        return None
    sign, hours, minutes = found.groups()
    offset = timedelta(hours=int(hours), minutes=int(minutes or 0))
    return timezone(-offset if sign == "-" else offset)


def _named() -> str | Path:
    """The name, or the file, that says what the zone is."""
    given = os.environ.get("TZ")
    if given is not None:
        name = given.removeprefix(":")
        return Path(name) if name.startswith("/") else name or "UTC"
    if not os.path.lexists(LOCALTIME) and TIMEZONE.is_file():
        return TIMEZONE.read_text(encoding="utf-8", errors="replace").strip() or "UTC"
    return LOCALTIME


def _zone(name: str) -> tzinfo:
    if name.removeprefix("Etc/") in _UTC:
        return timezone.utc
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return _ruled(name)


def _ruled(rule: str) -> tzinfo:
    """The zone of a rule such as CET-1CEST,M3.5.0,M10.5.0/3."""
    try:
        content = _HEADER + _HEADER + b"\n" + rule.encode("ascii") + b"\n"
        return ZoneInfo.from_file(io.BytesIO(content), key=rule)
    except ValueError as error:
        raise _unknown(rule) from error


def _unknown(name: str) -> ConfigError:
    if zoneinfo.available_timezones():
        advice = "set TZ to a name such as Europe/Berlin: timedatectl list-timezones"
    else:
        advice = "there is no time zone database: apt install tzdata, or set TZ=UTC"
    return ConfigError(f"time zone: {name!r} is unknown; {advice}")


def _link_name(path: Path) -> str:
    """Name of the zone that a link leads to, whether the file is there or not."""
    target = os.path.realpath(path).partition("zoneinfo/")[2]
    return target.removeprefix("posix/").removeprefix("right/")


@lru_cache(maxsize=8)
def _file_name(path: Path, version: tuple[int, int, int]) -> str:
    """Name of a zone file: of the link's target, unless another file is mounted over that."""
    linked = _link_name(path)
    if linked and not _is_mounted(os.path.realpath(path)):
        return linked
    same = (name for name, file in _database() if _holds_the_same(file, path))
    return next(same, None) or _offset_now(path)


def _offset_now(path: Path) -> str:
    """Such as `UTC+10:00`; `UTC` of a file that holds no zone, as the C library takes it."""
    try:
        offset = datetime.now(_read(path)).utcoffset()
    except _UNREADABLE:
        return "UTC"
    return str(timezone(offset or timedelta()))


def _read(path: Path, key: str | None = None) -> ZoneInfo:
    with path.open("rb") as file:
        return ZoneInfo.from_file(file, key=key)


def _database() -> Iterator[tuple[str, Path]]:
    """Names with their files, those that stand for themselves before their aliases."""
    for folder in map(Path, zoneinfo.TZPATH):
        names = ["UTC", *_listed(folder / "zone1970.tab"), *sorted(zoneinfo.available_timezones())]
        yield from ((name, folder / name) for name in names)


def _listed(table: Path) -> list[str]:
    """Names in the third column."""
    if not table.is_file():
        return []
    lines = table.read_text(encoding="utf-8").splitlines()
    return [line.split("\t")[2] for line in lines if not line.startswith("#")]


def _holds_the_same(file: Path, path: Path) -> bool:
    """True for another file of the same content."""
    try:
        return not file.samefile(path) and file.read_bytes() == path.read_bytes()
    except OSError:
        return False


def _is_mounted(path: str) -> bool:
    """True if a file is a mount of its own: its name is not that of what it holds."""
    try:
        mounts = _MOUNTS.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return False
    return any(line.split()[4] == path for line in mounts)
