"""Way of a phone to the page: its address as others in the network have it, and as a QR code."""

import socket
from typing import TextIO
from urllib.parse import urlunsplit

from edge.web.config import WebConfig

_ELSEWHERE = {"0.0.0.0": (socket.AF_INET, "192.0.2.1"), "::": (socket.AF_INET6, "2001:db8::1")}
"""Addresses of documentation, to which nothing is ever sent (RFC 5737, RFC 3849)."""


def invite(config: WebConfig, port: int, terminal: TextIO) -> None:
    """Draw the address of the page for a phone's camera, if others may reach it.

    Args:
        config: where it is reached.
        port: that it listens at.
        terminal: to draw on.
    """
    if config.is_private:
        return
    import segno  # a page that draws no code goes without its megabyte

    address = config.public_url or urlunsplit(("http", _host(config.host, port), "/", "", ""))
    segno.make(address, micro=False).terminal(terminal, border=2, compact=True)
    print(address, file=terminal)


def _host(host: str, port: int) -> str:
    """Host and port as others reach them."""
    named = _own_address(host) if host in _ELSEWHERE else host
    return f"[{named}]:{port}" if ":" in named else f"{named}:{port}"


def _own_address(host: str) -> str:
    """This machine's address in its network; its name where it is in none."""
    family, elsewhere = _ELSEWHERE[host]
    with socket.socket(family, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect((elsewhere, 9))
        except OSError:
            return socket.gethostname()
        return str(probe.getsockname()[0])
