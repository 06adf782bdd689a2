"""Flags of `birdlisten web`."""

from collections.abc import Callable

from edge.command.parser import port, words


def web_flags(add: Callable[..., object]) -> None:
    """Address, names and guests of the web server."""
    add("--host", metavar="H", help="address to listen at (default 127.0.0.1: this machine only)")
    add("--port", type=port, metavar="P", help="default 8080; 0: one that is free")
    add("--public-url", metavar="URL", help="as others reach it through a proxy")
    add("--guests", action="store_true", help="whoever has no token may look")
    add("--names", type=words, metavar="N,...", help="further names that it is reached by")
    add("--proxies", type=words, metavar="IP,...", help="whose word counts (default: this machine)")
