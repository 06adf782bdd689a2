"""Questions that a page's address asks: days, species and filters, read and checked."""

from datetime import date, datetime, tzinfo

from starlette.datastructures import QueryParams

from edge.contract.errors import ConfigError
from edge.records.search import RecordSearch
from edge.system.days import epoch_ms, span_ms, today

_FIRST, _LAST = date(1990, 1, 1), date(2200, 1, 1)


def day_asked(query: QueryParams, name: str, zone: tzinfo) -> date:
    """A day of the address; today without one.

    Raises:
        ConfigError: it is none.
    """
    return read_day(query[name], name) if query.get(name) else today(zone)


def read_day(text: str, name: str) -> date:
    """A date such as 2026-05-01.

    Raises:
        ConfigError: it is none.
    """
    try:
        found = date.fromisoformat(text)
    except ValueError:
        found = _LAST
    if not _FIRST <= found < _LAST:
        raise ConfigError(f"{name}: {text[:40]!r}, expected a day such as 2026-05-01")
    return found


def filter_asked(query: QueryParams, zone: tzinfo) -> RecordSearch:
    """The filter of an address.

    Raises:
        ConfigError: a part of it can't be read.
    """
    return RecordSearch(
        since_ms=_moment(query.get("from"), "from", zone, 0),
        until_ms=_moment(query.get("to"), "to", zone, 1),
        species=[query["species"]] if query.get("species") else None,
        least=_share(query.get("least")),
        verdict=query.get("verdict") or None,
        has_clip=bool(query.get("clip")),
    )


def _moment(text: str | None, name: str, zone: tzinfo, end: int) -> int | None:
    """Beginning (0) or end (1) of a day; a moment such as 2026-05-01T05:00 stands for itself."""
    if not text:
        return None
    if "T" not in text:
        return span_ms(read_day(text, name), zone)[end]
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise ConfigError(f"{name}: {text[:40]!r}, expected such as 2026-05-01T05:00") from None
    read_day(moment.date().isoformat(), name)
    return epoch_ms(moment.replace(tzinfo=moment.tzinfo or zone))


def _share(text: str | None) -> float:
    """Hundredths as a share of 1."""
    if not text:
        return 0.0
    try:
        number = float(text)
    except ValueError:
        number = -1.0
    if not 0 <= number <= 100:
        raise ConfigError(f"least: {text[:40]!r}, expected hundredths from 0 to 100")
    return number / 100
