"""Parameters of a request's query, checked."""

import json
from datetime import date
from math import isfinite
from typing import Any

from starlette.requests import Request

from edge.contract.errors import ConfigError
from edge.records.query import species_named
from edge.records.reader import RecordReader

_LONGEST = 200
_MOST = 10_000_000


def whole(request: Request, name: str, default: int, most: int = _MOST, least: int = 0) -> int:
    """A whole number, at most `most`: a larger one is cut to it.

    Raises:
        ConfigError: it is none, or too small.
    """
    text = request.query_params.get(name, "")
    if not text:
        return default
    if not (text.isascii() and text.isdigit() and len(text) < 18) or int(text) < least:
        raise ConfigError(f"{name}: {text[:_LONGEST]!r}, expected a whole number from {least}")
    return min(int(text), most)


def share(request: Request, *names: str) -> float:
    """A number from 0 to 1, by the first of its names that is given; without one 0.

    Raises:
        ConfigError: it is none.
    """
    text = first(request, *names)
    try:
        number = float(text or 0)
    except ValueError:
        number = -1.0
    if not isfinite(number) or not 0 <= number <= 1:
        raise ConfigError(f"{names[0]}: {text!r}, expected a number from 0 to 1")
    return number


def day(request: Request, *names: str) -> date | None:
    """A date such as 2026-05-01, by the first of its names that is given.

    Raises:
        ConfigError: it is none.
    """
    text = first(request, *names)
    return None if text is None else read_date(text, names[0])


def read_date(text: str, name: str) -> date:
    """A date such as 2026-05-01.

    Raises:
        ConfigError: it is none.
    """
    try:
        found = date.fromisoformat(text)
    except ValueError:
        found = date.min
    if len(text) != len("2026-05-01") or not 1970 < found.year < 9999:
        raise ConfigError(f"{name}: {text!r}, expected a date such as 2026-05-01")
    return found


def species_ids(records: RecordReader, name: str) -> list[str]:
    """Ids of the species of a name; none of one that was never reported here."""
    try:
        return species_named(records, name)
    except ConfigError:
        return []


def first(request: Request, *names: str) -> str | None:
    """The text of the first of some names that is given, and not empty."""
    given = (request.query_params.get(name) for name in names)
    return next((text[:_LONGEST] for text in given if text), None)


async def json_body(request: Request) -> dict[str, Any]:
    """The JSON object of a request's body.

    Raises:
        ConfigError: it is none.
    """
    try:
        body = json.loads(await request.body())
    except (ValueError, RecursionError):
        body = None
    if not isinstance(body, dict):
        raise ConfigError("body: expected a JSON object")
    return body
