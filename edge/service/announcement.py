"""Announcement of the page in the network: a service file of avahi's (avahi.service(5)).

Phones and browsers that look for web servers find it there, at the recorder's name and `.local`.
"""

from pathlib import Path

from edge.system.address import host_and_port, is_loopback

FOLDER = Path("/etc/avahi/services")
NAME = "birdlisten.service"
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
