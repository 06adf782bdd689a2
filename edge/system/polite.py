"""Polite client of public web sites: GET, at most once a second from each host, within bounds.

Waits as a site asks (Retry-After, RFC 9110 section 10.2.3), says who it is, and gives a site up
that goes on refusing.
"""

import http.client
import logging
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from email.utils import parsedate_to_datetime
from typing import Any
from urllib.parse import urljoin, urlsplit

from edge.contract.errors import WebError, in_words
from edge.system import clock

_LOG = logging.getLogger(__name__)
_SCHEMES = ("http", "https")
_REDIRECTS, _AGAIN = (301, 302, 303, 307, 308), (429, 500, 502, 503, 504)
_MOST_REDIRECTS, _ATTEMPTS, _MOST_FAULTS = 5, 3, 4
_CHUNK = 65_536


class GoneError(WebError):
    """It has no such thing, and won't have it later either."""


class SiteError(WebError):
    """A site that refuses everything for now."""


@dataclass(frozen=True)
class PoliteManner:
    """Manner of asking."""

    agent: str
    """User-Agent: a program, its version, and where its makers are found."""
    pause_s: float = 1.0
    """Between two requests to a host."""
    timeout_s: float = 20.0
    """Of a site that says nothing."""
    whole_s: float = 60.0
    """Of one answer, however busy the site seems."""
    patience_s: float = 120.0
    """Longest wait that a site may ask for."""
    sleep: Callable[[float], None] = time.sleep


@dataclass
class _Host:
    """State of a host."""

    free_at: float = 0.0
    """No request before, by the monotonic clock."""
    faults: int = 0
    """In a row."""


@dataclass
class PoliteClient:
    """Asks web sites.

    Args:
        manner: of asking.
    """

    manner: PoliteManner
    _hosts: dict[str, _Host] = field(default_factory=dict)

    def get(self, url: str, most_bytes: int) -> bytes:
        """The content of an address, after redirects.

        Args:
            url: http or https.
            most_bytes: of it; a longer one is refused.

        Raises:
            GoneError: there is none (404, 410), or it isn't what may be fetched.
            SiteError: the site refuses again and again, or wants a long pause.
            WebError: any other fault.
        """
        for _ in range(_MOST_REDIRECTS + 1):
            host = self._host(url)
            try:
                target, content = self._patiently(url, host, most_bytes)
            except GoneError:
                host.faults = 0
                raise
            except WebError:
                host.faults += 1
                raise
            host.faults = 0
            if target is None:
                return content
            url = _joined(url, target)
        raise GoneError(f"{_shown(url)}: redirected more than {_MOST_REDIRECTS} times")

    def _host(self, url: str) -> _Host:
        try:
            parts = urlsplit(url)
            is_asked = parts.scheme in _SCHEMES and bool(parts.hostname)
        except ValueError:  # [ without ], say
            is_asked = False
        if not is_asked:
            raise GoneError(f"{_shown(url)}: expected http:// or https://")
        host = self._hosts.setdefault(parts.netloc, _Host())
        if host.faults >= _MOST_FAULTS:
            raise SiteError(f"{parts.netloc} refuses again and again; try later")
        return host

    def _patiently(self, url: str, host: _Host, most_bytes: int) -> tuple[str | None, bytes]:
        """The target of an address, or its content; asked again after a passing fault."""
        for attempt in range(1, _ATTEMPTS + 1):
            self._wait(host)
            last = attempt == _ATTEMPTS
            try:
                return self._once(url, most_bytes)
            except urllib.error.HTTPError as error:
                with error:
                    if last or error.code not in _AGAIN:
                        raise _refusal(url, error.code) from error
                    pause = _seconds(error.headers.get("Retry-After")) or 2.0**attempt
            except WebError:
                raise
            except (OSError, http.client.HTTPException, ValueError) as error:
                if last:
                    raise _no_answer(url, error) from error
                pause = 2.0**attempt
            if pause > self.manner.patience_s:
                host.faults = _MOST_FAULTS
                raise SiteError(f"{urlsplit(url).netloc} asks to wait {pause:.0f} s; try later")
            host.free_at = max(host.free_at, time.monotonic() + pause)
            _LOG.debug("%s: asked again in %.0f s", _shown(url), pause)
        raise AssertionError("the last attempt ends it")

    def _wait(self, host: _Host) -> None:
        left = host.free_at - time.monotonic()
        if left > 0:
            self.manner.sleep(left)
        host.free_at = time.monotonic() + self.manner.pause_s

    def _once(self, url: str, most_bytes: int) -> tuple[str | None, bytes]:
        request = urllib.request.Request(url, headers={"User-Agent": self.manner.agent})
        try:
            with _OPENER.open(request, timeout=self.manner.timeout_s) as answer:
                return None, self._read(url, answer, most_bytes)
        except urllib.error.HTTPError as error:
            target = error.headers.get("Location")
            if error.code in _REDIRECTS and target:
                error.close()
                return target, b""
            raise

    def _read(self, url: str, answer: Any, most_bytes: int) -> bytes:
        """All of an answer; http.client tells of one that is cut short only if it is read whole."""
        end, content = time.monotonic() + self.manner.whole_s, b""
        while chunk := answer.read1(_CHUNK):
            content += chunk
            if len(content) > most_bytes:
                raise GoneError(f"{_shown(url)}: more than {most_bytes} bytes")
            if time.monotonic() > end:
                raise WebError(f"{_shown(url)}: takes longer than {self.manner.whole_s:.0f} s")
        told = answer.headers.get("Content-Length", "")
        if told.isdigit() and len(content) < int(told):
            raise ConnectionError(f"cut short: {len(content)} of {told} bytes")
        return content


class _Stay(urllib.request.HTTPRedirectHandler):
    """Leaves redirects to the client, which is polite to the next host, too."""

    def http_error_302(self, *answer: Any, **named: Any) -> None:
        """Follow none, nor read where it leads."""

    http_error_301 = http_error_303 = http_error_307 = http_error_308 = http_error_302


_OPENER = urllib.request.build_opener(_Stay)


def _joined(url: str, target: str) -> str:
    try:
        return urljoin(url, target)
    except ValueError as error:
        raise GoneError(f"{_shown(url)}: leads to no address ({_shown(target)[:200]!r})") from error


def _refusal(url: str, code: int) -> WebError:
    if code in (404, 410):
        return GoneError(f"{_shown(url)}: not there ({code})")
    return WebError(f"{_shown(url)}: refused ({code})")


def _no_answer(url: str, error: Exception) -> WebError:
    cause = error.reason if isinstance(error, urllib.error.URLError) else error
    told = in_words(cause) if isinstance(cause, BaseException) else str(cause)
    return WebError(f"{_shown(url)}: {told or 'no answer'}")


def _shown(url: str) -> str:
    """An address without what is asked there."""
    return url.partition("?")[0]


def _seconds(text: str | None) -> float | None:
    """Seconds of a Retry-After: a number, or a date."""
    with suppress(ValueError, TypeError, OverflowError):
        if text and text.strip().isdigit():
            return float(text)
        if text:
            return max((parsedate_to_datetime(text) - clock.now()).total_seconds(), 0.0)
    return None
