"""Messages to systemd: ready, alive, stopping (sd_notify(3)); none where it isn't there."""

import os
import socket
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress

_SHARE = 4
"""Feedings in a watchdog's period."""
_STATUS_S = 10.0
_LOADING_S = 1800.0
"""A bundle that takes longer hangs, and is no longer fed for."""


class Notifier:
    """A service's line to systemd.

    The watchdog is fed by whoever has seen audio come in *and* inference go on; if either stands
    still, systemd starts the service again.

    Args:
        environment: `os.environ`; holds NOTIFY_SOCKET and WATCHDOG_USEC under systemd.
    """

    def __init__(self, environment: Mapping[str, str] | None = None) -> None:
        known = os.environ if environment is None else environment
        self._address = known.get("NOTIFY_SOCKET", "")
        microseconds = known.get("WATCHDOG_USEC", "")
        period_s = int(microseconds) / 1e6 if microseconds.isdecimal() else 0.0
        self._every_s = period_s / _SHARE if period_s else _STATUS_S
        self._fed = float("-inf")

    def ready(self) -> None:
        """Everything is loaded, and the source is being opened."""
        self._send("READY=1")

    @contextmanager
    def loading(self) -> Iterator[None]:
        """Feed the watchdog from a thread while a bundle loads: a large one outlasts a period."""
        loaded = threading.Event()
        feeder = threading.Thread(target=self._feed_until, args=(loaded,), daemon=True)
        with suppress(RuntimeError):  # no thread to be had: a small bundle loads all the same
            feeder.start()
        try:
            yield
        finally:
            loaded.set()

    def _feed_until(self, loaded: threading.Event) -> None:
        end = time.monotonic() + _LOADING_S
        while not loaded.wait(2 * self._every_s) and time.monotonic() < end:
            self.alive("loading the bundle")

    def alive(self, status: object) -> None:
        """Feed the watchdog, and say what has been heard; cheap enough for every block."""
        now = time.monotonic()
        if now - self._fed >= self._every_s:
            self._fed = now
            self._send(f"WATCHDOG=1\nSTATUS={status}")

    def reloading(self) -> None:
        """The settings are read again; `ready` follows."""
        microseconds = time.clock_gettime_ns(time.CLOCK_MONOTONIC) // 1000
        self._send(f"RELOADING=1\nMONOTONIC_USEC={microseconds}")

    def stopping(self) -> None:
        """No more is listened to; the rest is written."""
        self._send("STOPPING=1")

    def _send(self, message: str) -> None:
        if not self._address:
            return
        # A leading @ is systemd's way to write an abstract address.
        address = "\0" + self._address[1:] if self._address[0] == "@" else self._address
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as line:
            try:
                line.sendto(message.encode(), socket.MSG_DONTWAIT, address)
            except OSError:
                pass  # whoever started us is gone, or too busy to listen: neither holds us up
