"""Address of a photograph on Wikimedia Commons, from its attribution."""

import re

from edge.contract.picture_source import is_whole_name, picture_source

_PAGE = re.compile(r"https://commons\.wikimedia\.org/wiki/File:(\S+)")
_NAMED = re.compile(r"Wikimedia Commons File:(.+)$")
_UPLOADED = re.compile(r"https://upload\.wikimedia\.org/wikipedia/commons/\w/\w\w/(\S+)")
_ANY = re.compile(r"https?://[^\s,;)\"]+")


def address(attribution: str) -> str:
    """A small picture of a file on Commons, or its page; else any address that is named.

    Of a file whose name was cut off there is no picture, and its page may lead nowhere.
    """
    for pattern in (_PAGE, _NAMED, _UPLOADED):
        if found := pattern.search(attribution):
            source = picture_source(f"https://commons.wikimedia.org/wiki/File:{found[1]}")
            assert source is not None
            return source.image if source.image and is_whole_name(found[0]) else source.page
    anything = _ANY.search(attribution)
    return anything[0] if anything else ""
