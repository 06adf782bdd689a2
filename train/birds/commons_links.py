"""Address of a photograph's page on Wikimedia Commons, from its attribution."""

import re
from urllib.parse import quote, unquote

_PAGE = re.compile(r"https://commons\.wikimedia\.org/wiki/File:(\S+)")
_NAMED = re.compile(r"Wikimedia Commons File:(.+)$")
_UPLOADED = re.compile(r"https://upload\.wikimedia\.org/wikipedia/commons/\w/\w\w/(\S+)")
_ANY = re.compile(r"https?://[^\s,;)\"]+")


def page(attribution: str) -> str:
    """The Commons page of a file, else any address that is named, else nothing."""
    for pattern in (_PAGE, _NAMED, _UPLOADED):
        if found := pattern.search(attribution):
            return f"https://commons.wikimedia.org/wiki/File:{_title(found[1])}"
    anything = _ANY.search(attribution)
    return anything[0] if anything else ""


def _title(name: str) -> str:
    return quote(unquote(name).strip().replace(" ", "_"), safe="()',!-._~:")
