"""Broker of MQTT: its address, and the topics below the one that it is given."""

import hashlib
import re
import socket
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import SplitResult, unquote, urlsplit

from edge.contract.errors import ConfigError
from edge.contract.tables import read_text
from edge.system.redaction import redacted

_PORTS = {"mqtt": 1883, "mqtts": 8883}
_TOPIC = "birdnet"
"""The one that automations for birdnet-go listen to."""
_RESERVED = ("status", "soundlevel")
_STRANGE = re.compile(r"[^a-zA-Z0-9_-]+|_{2,}")
_MOST = 48
"""Characters of a name in a topic."""
_EXPECTED = "expected mqtt://user:password@host:1883/topic, or mqtts:// with TLS"


@dataclass(frozen=True, kw_only=True)
class Broker:
    """An MQTT broker, and how to sign on there."""

    host: str
    port: int
    topic: str = _TOPIC
    tls: bool = False
    ca: str | None = None
    """File of the certificates that its own is checked with; None: those of the system."""
    cert: str | None = None
    """File of our own certificate and its key; None: the broker asks for none."""
    user: str | None = None
    password: str | None = None
    node: str = "birdlisten"
    """The recorder, as a topic is named."""

    def __repr__(self) -> str:
        return f"Broker({self.shown})"

    @property
    def shown(self) -> str:
        """For people, without secrets."""
        return f"mqtt{'s' if self.tls else ''}://{self.host}:{self.port}/{self.topic}"

    @property
    def status_topic(self) -> str:
        """Topic that says `online` or `offline`."""
        return f"{self.topic}/status"

    def source_topic(self, source: str) -> str:
        """Topic of one source alone."""
        return f"{self.topic}/{source_key(source)}"


def read_broker(
    url: str,
    password_file: str | None = None,
    ca: str | None = None,
    name: str | None = None,
    cert: str | None = None,
) -> Broker:
    """The broker of a URL.

    Args:
        url: mqtt://user:password@host:port/topic; all but the host may lack.
        password_file: for the eyes of its owner only.
        ca: file of certificates.
        name: of the recorder; None: the host's.
        cert: file of our own certificate and its key, for the eyes of its owner only.

    Raises:
        ConfigError: the URL is none of a broker, or a file can't be used.
    """
    parts, port = _split(url)
    topic = unquote(parts.path).strip("/") or _TOPIC
    if re.search(r"[#+\0]", topic) or "//" in topic:
        raise ConfigError(f"mqtt: {topic!r} is no topic to publish to; {_EXPECTED}")
    if ca is not None and not Path(ca).is_file():
        raise ConfigError(f"mqtt_ca: {ca!r}, expected a file of certificates (PEM)")
    if cert is not None:
        _check_certificate(cert, parts.scheme)
    password = read_secret(password_file) if password_file else parts.password
    return Broker(
        host=parts.hostname or "",
        port=port or _PORTS[parts.scheme],
        topic=topic,
        tls=parts.scheme == "mqtts",
        ca=ca,
        cert=cert,
        user=None if parts.username is None else unquote(parts.username),
        password=password if password_file or password is None else unquote(password),
        node=plain(name or socket.gethostname()),
    )


def _check_certificate(cert: str, scheme: str) -> None:
    if scheme != "mqtts":
        raise ConfigError("mqtt_cert: is for TLS only; expected mqtt: mqtts://...")
    if not Path(cert).is_file():
        raise ConfigError(
            f"mqtt_cert: {cert!r}, expected a file of a certificate and its key (PEM)"
        )
    _check_secret(Path(cert))


def read_secret(file: str) -> str:
    """The first line of a file that only its owner can read.

    Raises:
        ConfigError: others can read it, or nobody.
    """
    path = Path(file)
    _check_secret(path)
    return read_text(path).split("\n")[0].rstrip("\r")


def _check_secret(path: Path) -> None:
    if path.is_file() and path.stat().st_mode & 0o077:
        raise ConfigError(f"{path}: others can read this secret; chmod 600 {path}")


def plain(name: str) -> str:
    """A name as it stands in a topic, like birdnet-go's; `unknown` if nothing is left of it."""
    return re.sub("_{2,}", "_", _STRANGE.sub("_", name)).strip("_")[:_MOST] or "unknown"


def source_key(source: str) -> str:
    """A source as it stands in a topic; two that look alike get different ones."""
    key = plain(source)
    if key == source and key not in _RESERVED:
        return key
    return f"{key}_{hashlib.sha256(source.encode('utf-8', 'replace')).hexdigest()[:4]}"


def _split(url: str) -> tuple[SplitResult, int | None]:
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        raise ConfigError(f"mqtt: {redacted(url)!r} is no URL; {_EXPECTED}") from None
    if parts.scheme not in _PORTS or not parts.hostname or parts.query or "#" in url:
        raise ConfigError(f"mqtt: {redacted(url)!r}; {_EXPECTED}")
    return parts, port
