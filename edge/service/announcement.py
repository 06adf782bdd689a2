"""Announcement of the page in the network: a service file of avahi's (avahi.service(5)).

Phones and browsers that look for web servers find it there, at the recorder's name and `.local`.
"""

import logging
from pathlib import Path

from edge.contract.errors import ConfigError, in_words
from edge.system.address import host_and_port, is_loopback

_LOG = logging.getLogger(__name__)
FOLDER = Path("/etc/avahi/services")
NAME = "birdlisten.service"
_UNPRIVILEGED = Path("/proc/sys/net/ipv4/ip_unprivileged_port_start")
_USUAL_UNPRIVILEGED = 1024
_TEMPLATE = """\
<?xml version="1.0" standalone="no"?>
<!DOCTYPE service-group SYSTEM "avahi-service.dtd">
<service-group>
  <name replace-wildcards="yes">birdlisten on %h</name>
  <service>
    <type>_http._tcp</type>
    <port>{port}</port>
  </service>
</service-group>
"""


def announcement(page: str | None) -> str:
    """The file of a page at HOST:PORT; empty where nobody else reaches it.

    Raises:
        ConfigError: it is no address.
    """
    if page is None:
        return ""
    host, port = host_and_port("web", page)
    return "" if is_loopback(host) else _TEMPLATE.format(port=port)


def announce(page: str | None, file: Path = FOLDER / NAME) -> None:
    """Say in the file that `service install` has left how the page is reached now.

    It is written in place, for its folder is root's; avahi looks at it anew. Empty, it announces
    nothing. Whatever is in the way is told: it is no reason not to listen.
    """
    wanted = announcement(page)
    try:
        if file.read_text() != wanted:
            file.write_text(wanted)
            _LOG.info("web: announced anew in %s", file)
    except FileNotFoundError:
        if wanted and file.parent.is_dir():
            _LOG.info("web: not announced; sudo birdlisten service install does that")
    except OSError as error:
        again = "sudo birdlisten service install writes it anew"
        _LOG.warning("web: %s: %s; %s", file, in_words(error), again)


def check_port(page: str | None) -> None:
    """Refuse a port that a service without privileges can't have.

    Raises:
        ConfigError: it is one of root's.
    """
    if page is None:
        return
    _, port = host_and_port("web", page)
    try:
        least = int(_UNPRIVILEGED.read_text())
    except (OSError, ValueError):
        least = _USUAL_UNPRIVILEGED
    if port < least:
        raise ConfigError(
            f"web: port {port} is for root alone, and the service is not run by root; expected one "
            f"from {least} on, such as {page.removesuffix(str(port))}8080"
        )
