"""The station's page beside a listener, in a process of its own that ends with it."""

import logging
import os
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from importlib.util import find_spec
from typing import IO

from edge.config import Settings
from edge.contract.errors import MissingPackageError, in_words
from edge.service.announcement import announce
from edge.system.address import host_and_port
from edge.system.process import leashed, python_module

_LOG = logging.getLogger(__name__)
_FIRST_S, _LONGEST_S, _LOOK_S, _CLOSING_S = 2.0, 600.0, 0.5, 10.0


def check_page(settings: Settings) -> None:
    """Refuse a page that can't be served, now rather than beside a listener.

    Raises:
        ConfigError: `web` is no address.
        MissingPackageError: the packages of the extra `web` are not installed.
    """
    if settings.web is None:
        return
    host_and_port("web", settings.web)
    if find_spec("uvicorn") is None:
        raise MissingPackageError("web: needs uvicorn: pip install 'birdlisten[web]'")


class PageBeside:
    """The page at the settings' `web`, if any; listening goes on whatever befalls it."""

    def __init__(self) -> None:
        self._keeper: _Keeper | None = None
        self._thread: threading.Thread | None = None

    def follow(self, settings: Settings) -> None:
        """Serve it as the settings have it now; one that has it so already goes on.

        Raises:
            BirdlistenError: as `check_page` does.
        """
        check_page(settings)
        command = None if settings.web is None else page_command(settings, settings.web)
        if os.environ.get("NOTIFY_SOCKET"):  # as a service, which alone is announced
            announce(settings.web)  # also without one: that of a former run is withdrawn
        if command == (self._keeper and self._keeper.command):
            return
        self.close()
        if command is not None:
            level = logging.ERROR if settings.quiet else logging.INFO
            self._keeper = _Keeper(command, level)
            # The kernel ends a child with the thread that has started it.
            self._thread = threading.Thread(target=self._keeper.keep, name="page", daemon=True)
            self._thread.start()

    def close(self) -> None:
        """End it."""
        if self._keeper and self._thread:
            self._keeper.stop.set()
            self._thread.join(_CLOSING_S)
        self._keeper = self._thread = None


@contextmanager
def page_beside(settings: Settings) -> Iterator[PageBeside]:
    """Serve the page as long as the block lasts.

    Raises:
        BirdlistenError: as `check_page` does.
    """
    page = PageBeside()
    page.follow(settings)
    try:
        yield page
    finally:
        page.close()


@dataclass
class _Keeper:
    """Starts the page, and again when it fails, more and more slowly.

    It never gives up: at boot the network, whose address it is to have, comes later.
    """

    command: list[str]
    level: int
    """Of what it says."""
    stop: threading.Event = field(default_factory=threading.Event)

    def keep(self) -> None:
        wait_s, begun = _FIRST_S, time.monotonic()
        while (code := self._run()) is not None:
            if time.monotonic() - begun > _LONGEST_S:
                wait_s = _FIRST_S  # it ran well
            _LOG.warning("web: the page has ended (%d); once more in %.0f s", code, wait_s)
            if self.stop.wait(wait_s):
                return
            wait_s, begun = min(2 * wait_s, _LONGEST_S), time.monotonic()

    def _pass_on(self, said: IO[str]) -> None:
        """Say what the page says, which is errors alone if that was asked for."""
        with said:
            for line in said:
                _LOG.log(self.level, "%s", line.strip().removeprefix("birdlisten: "))

    def _run(self) -> int | None:
        """Exit code of the page; None: it was to end."""
        try:
            page = subprocess.Popen(
                leashed(self.command),
                stdin=subprocess.DEVNULL,
                stderr=subprocess.PIPE,  # nothing is written across the status line
                encoding="utf-8",
                errors="replace",
                start_new_session=True,  # a Ctrl-C is for the listener, which then ends the page
            )
        except OSError as error:
            _LOG.warning("web: %s", in_words(error))
            return 1
        threading.Thread(target=self._pass_on, args=(page.stderr,), daemon=True).start()
        while (code := page.poll()) is None:
            if self.stop.wait(_LOOK_S):
                page.terminate()
                page.wait()
                return None
        return None if self.stop.is_set() else code


def page_command(settings: Settings, address: str) -> list[str]:
    """The page of the same station, by the same names."""
    host, port = host_and_port("web", address)
    given = {
        "host": host,
        "port": str(port),
        "station": str(settings.station_path),
        "bundle": str(settings.bundle_path),
        "language": settings.language,
        "public-url": settings.public_url,
    }
    words = [f"--{name}={value}" for name, value in given.items() if value is not None]
    return python_module("edge", "web", *words, *(["--quiet"] if settings.quiet else []))
