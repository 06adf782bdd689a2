"""Redaction of secrets: the name of a source as it may be shown, logged and kept."""

import re
from urllib.parse import unquote

MASK = "***"
_URL = re.compile(r"[\w.+-]+:/+[^\s'\"<>]*[^\s'\"<>:.,;]")
_SCHEME = re.compile(r"[^/]*?([\w+.-]+:/+)")
"""Also as a path writes it, with one slash; what stands before may hold a key."""
_OPTIONS_BEGIN = re.compile(r"[?#;\s]")
_OPTION = re.compile(r"([^\s=&;/?#]+)=([^\s&;]*)")
_HARMLESS = re.compile(
    r"(channel|subtype|stream|profile|transport|mode|codec|rate|format)=[\w-]{0,12}|tcp|udp", re.I
)
"""Options of a camera that tell one stream from another; any other may be a password."""
_TOKEN = re.compile(r"[:/@?&=;#,|\s]+")
_LEAST = 4
"""Characters; a shorter secret is found in every other word."""


def redacted(source: str) -> str:
    """A URL without user and password, and without values of its options; other names as they are.

    Where a password with `@`, `/` or `?` in it makes it unknowable which part is the host, none is
    shown.
    """
    found = _SCHEME.match(source)
    if not found:
        return source
    scheme, rest = found[1], source[found.end() :]
    begin = _OPTIONS_BEGIN.search(rest)
    place, options = (rest[: begin.start()], rest[begin.start() :]) if begin else (rest, "")
    before, at, place = place.rpartition("@")
    if "@" in options or (at and "=" in before.partition("/")[2]):
        return f"{scheme}{MASK}"
    return f"{scheme}{_masked(place)}{_without_values(options)}"


def redacted_urls(text: str) -> str:
    """A line without the secrets of the URLs in it."""
    return _URL.sub(lambda url: redacted(url[0]), text)


def redacted_text(text: str, source: str) -> str:
    """A line in which a source, or parts of it, may occur, without its secrets."""
    text = redacted_urls(text.replace(source, redacted(source)))
    for secret in _secrets(source):
        text = text.replace(secret, MASK)
    return text


def _secrets(source: str) -> list[str]:
    """Parts of a source that are not shown, longest first."""
    shown = set(_TOKEN.split(redacted(source)))
    hidden = {part for part in _TOKEN.split(source) if part not in shown}
    return sorted(
        (part for part in hidden | set(map(unquote, hidden)) if len(part) >= _LEAST),
        key=len,
        reverse=True,
    )


def _masked(text: str) -> str:
    return _OPTION.sub(lambda found: _option(found[0]), text)


def _without_values(options: str) -> str:
    """Each option by its name; one without a value may be a secret as a whole."""
    parts = re.split(r"([?#;&\s]+)", options)
    return "".join(part if n % 2 or not part else _option(part) for n, part in enumerate(parts))


def _option(text: str) -> str:
    name, equals, _ = text.partition("=")
    if _HARMLESS.fullmatch(text):
        return text
    return f"{name}={MASK}" if equals else MASK
