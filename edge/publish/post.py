"""HTTP POST that ends: within a time, with a bounded answer, and at the host that was named."""

import http.client
import ssl
import threading
from base64 import b64encode
from collections.abc import Mapping
from contextlib import suppress
from email.utils import parsedate_to_datetime
from typing import NamedTuple
from urllib.parse import SplitResult, unquote, urljoin, urlsplit

from edge.contract.errors import ConfigError, in_words
from edge.publish.delivery import Undelivered
from edge.system import clock
from edge.system.redaction import redacted

_CONNECT_S, _WHOLE_S = 10.0, 30.0
_MOST_REDIRECTS = 3
_KEPT_METHOD = (307, 308)
"""Redirects after which it is a POST still."""
_MOST_AFTER_S = 3600.0
"""Whatever a server wants, it is asked again within the hour."""


class Answer(NamedTuple):
    """Answer of a server, as far as it matters."""

    status: int
    after_s: float
    """It wants no other attempt before; 0 if it doesn't say."""
    location: str


def read_url(url: str, setting: str) -> SplitResult:
    """The parts of a web address.

    Raises:
        ConfigError: it is none.
    """
    try:
        parts = urlsplit(url)
        sound = parts.scheme in ("http", "https") and parts.hostname and parts.port != 0
    except ValueError:
        sound = False
    if not sound or not url.isascii() or any(letter <= " " for letter in url):
        raise ConfigError(f"{setting}: {redacted(url)!r}, expected http://... or https://...")
    return parts


def post(url: str, body: bytes, headers: Mapping[str, str], whole_s: float = _WHOLE_S) -> Answer:
    """Post to an address; redirects of the same host are followed.

    Args:
        url: may hold user and password.
        body: of the request.
        headers: of the request.
        whole_s: seconds after which it is given up, however busy the server seems.

    Raises:
        Undelivered: nobody answers.
    """
    for _ in range(_MOST_REDIRECTS + 1):
        answer = _once(urlsplit(url), body, headers, whole_s)
        target = urljoin(url, answer.location)
        if answer.status not in _KEPT_METHOD or not _is_same_host(url, target):
            return answer
        url = target
    return answer


def _once(parts: SplitResult, body: bytes, headers: Mapping[str, str], whole_s: float) -> Answer:
    connection = _connection(parts)
    deadline = threading.Timer(whole_s, _cut, [connection])
    deadline.daemon = True
    deadline.start()
    try:
        path = f"{parts.path or '/'}{f'?{parts.query}' if parts.query else ''}"
        connection.request("POST", path, body, {**headers, **_authorisation(parts)})
        answer = connection.getresponse()
        after = _seconds(answer.getheader("Retry-After", ""))
        return Answer(answer.status, after, answer.getheader("Location", ""))
    except (OSError, http.client.HTTPException, ValueError, AttributeError) as error:
        # AttributeError: the deadline has cut a connection that was being made.
        raise Undelivered(in_words(error) or "no answer") from error
    finally:
        deadline.cancel()
        connection.close()


def _connection(parts: SplitResult) -> http.client.HTTPConnection:
    host = parts.hostname or ""
    if parts.scheme == "https":
        context = ssl.create_default_context()
        return http.client.HTTPSConnection(host, parts.port, timeout=_CONNECT_S, context=context)
    return http.client.HTTPConnection(host, parts.port, timeout=_CONNECT_S)


def _cut(connection: http.client.HTTPConnection) -> None:
    with suppress(OSError, AttributeError):
        connection.sock.shutdown(2)


def _authorisation(parts: SplitResult) -> dict[str, str]:
    if parts.username is None:
        return {}
    user, password = unquote(parts.username), unquote(parts.password or "")
    return {"Authorization": f"Basic {b64encode(f'{user}:{password}'.encode()).decode()}"}


def _is_same_host(url: str, target: str) -> bool:
    """True for the same host and port, and for its way to TLS; a password may go nowhere else."""
    try:
        old, new = urlsplit(url), urlsplit(target)
        same = (old.scheme, old.port) == (new.scheme, new.port)
        safer = (old.scheme, new.scheme) == ("http", "https") and old.port is new.port is None
        return old.hostname == new.hostname and (same or safer)
    except ValueError:
        return False


def _seconds(text: str) -> float:
    """Seconds of a Retry-After: a number, or a date."""
    with suppress(ValueError, TypeError, OverflowError):
        wait = float(text) if text.strip().isdigit() else _until(text)
        return min(max(wait, 0.0), _MOST_AFTER_S)
    return 0.0


def _until(date: str) -> float:
    return (parsedate_to_datetime(date) - clock.now()).total_seconds()
