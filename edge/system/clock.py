"""Clock of the station: UTC, its zone, and its trust (a Pi has no clock battery)."""

import ctypes
import secrets
import time
from datetime import datetime, timezone

from edge.system.zone import zone_name

_TIMEX_BYTES = 256  # struct timex has 208 on 64-bit Linux
_TIME_ERROR = 5  # adjtimex(2): the clock is not synchronised


def now_ms() -> int:
    """UTC in milliseconds since the epoch."""
    return time.time_ns() // 1_000_000


def now() -> datetime:
    """UTC."""
    return datetime.now(timezone.utc)


def utc_ms(monotonic_ns: int) -> int:
    """UTC in milliseconds of a moment of the monotonic clock, by what the clock says now.

    A clock that is set meanwhile moves this, but not the order of records (`Ids`).
    """
    return now_ms() - (time.monotonic_ns() - monotonic_ns) // 1_000_000


def iso_utc(milliseconds: int) -> str:
    """ISO 8601 in UTC with milliseconds: `2026-05-01T04:31:07.250Z`."""
    moment = _moment(milliseconds)
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _moment(milliseconds: int) -> datetime:
    return datetime.fromtimestamp(milliseconds / 1000, timezone.utc)


def milliseconds(iso: str) -> int:
    """Back from `iso_utc`."""
    moment = datetime.fromisoformat(iso.replace("Z", "+00:00"))
    return round(moment.timestamp() * 1000)


def year_share(milliseconds: int | None = None) -> float:
    """Share of the year that has passed, from 0 to 1 exclusive; now, or at a moment in UTC."""
    moment = now() if milliseconds is None else _moment(milliseconds)
    begun, ended = (datetime(moment.year + n, 1, 1, tzinfo=timezone.utc) for n in (0, 1))
    return (moment - begun) / (ended - begun)


def time_zone() -> str:
    """The station's IANA zone: of TZ, else of /etc/localtime."""
    return zone_name()


def synchronised() -> bool:
    """Synchronisation of the clock as the kernel believes it (adjtimex; False if unknown)."""
    try:
        libc = ctypes.CDLL(None)
        state: int = libc.adjtimex(ctypes.create_string_buffer(_TIMEX_BYTES))
    except (OSError, AttributeError):
        return False
    return 0 <= state < _TIME_ERROR


def uuid7(milliseconds: int, rest: int | None = None) -> str:
    """A time-ordered UUID, version 7 (RFC 9562 section 5.7).

    Args:
        milliseconds: UTC since the epoch.
        rest: 80 bits behind it; None: drawn.
    """
    drawn = secrets.randbits(80) if rest is None else rest
    value = (milliseconds & (1 << 48) - 1) << 80 | drawn
    value = value & ~(0xF << 76) | 0x7 << 76
    value = value & ~(0x3 << 62) | 0x2 << 62
    text = f"{value:032x}"
    return "-".join((text[:8], text[8:12], text[12:16], text[16:20], text[20:]))


class Ids:
    """UUIDv7s that never go back, even if the clock does (RFC 9562 section 6.2)."""

    def __init__(self) -> None:
        self._last_ms = 0

    def new(self) -> str:
        """The next one; of now, or of just after the one before."""
        self._last_ms = max(now_ms(), self._last_ms + 1)
        return uuid7(self._last_ms)
