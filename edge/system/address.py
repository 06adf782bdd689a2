"""Addresses that a setting names: HOST:PORT."""

import re
from ipaddress import ip_address

from edge.contract.errors import ConfigError

USUAL_PAGE = "127.0.0.1:8080"
"""Of the page if nobody says where: this machine alone reaches it."""
_ADDRESS = re.compile(r"(\[(?P<v6>[0-9a-fA-F:.]+)\]|(?P<host>[\w.-]+)):(?P<port>[0-9]{1,5})")


def host_and_port(setting: str, address: str) -> tuple[str, int]:
    """The two parts of an address; the host without the brackets of IPv6.

    Raises:
        ConfigError: it is none.
    """
    found = _ADDRESS.fullmatch(address)
    if not (found and 0 < int(found["port"]) < 65536 and is_address(found["v6"] or "::")):
        raise ConfigError(
            f"{setting}: {address!r}, expected HOST:PORT such as 127.0.0.1:8080 or [::1]:8080"
        )
    return found["v6"] or found["host"], int(found["port"])


def is_address(text: str) -> bool:
    """True for an IP address."""
    try:
        ip_address(text)
    except ValueError:
        return False
    return True


def is_loopback(host: str) -> bool:
    """True if only this machine reaches a host."""
    return host == "localhost" or (is_address(host) and ip_address(host).is_loopback)
