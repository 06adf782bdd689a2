"""Addresses that a setting names: HOST:PORT."""

from ipaddress import ip_address

from edge.contract.errors import ConfigError


def host_and_port(setting: str, address: str) -> tuple[str, int]:
    """The two parts of an address; the host without the brackets of IPv6.

    Raises:
        ConfigError: it is none.
    """
    host, _, port = address.rpartition(":")
    if not (host and port.isdecimal() and port.isascii() and int(port) < 65536):
        raise ConfigError(f"{setting}: {address!r}, expected HOST:PORT such as 127.0.0.1:8080")
    return host.removeprefix("[").removesuffix("]"), int(port)


def is_loopback(host: str) -> bool:
    """True if only this machine reaches a host."""
    if host == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False
