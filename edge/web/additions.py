"""Additions to a station by its page: `birdlisten species add`, one at a time.

It is a process of its own: the encoder's memory goes with it, and a file that breaks a decoder does
not break the page.
"""

import json
import logging
import shutil
import subprocess
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from edge.contract.errors import ConfigError, StoreError, in_words
from edge.recognition import pictures
from edge.system.process import leashed, python_module

_LOG = logging.getLogger(__name__)
_LONGEST_S = 900.0
_MOST_LINES = 60
_MARK = "birdlisten: "


@dataclass(frozen=True, kw_only=True)
class AdditionRequest:
    """A species as a person gives it on the page."""

    name: str
    common: str = ""
    author: str = ""
    licence: str = ""


@dataclass(frozen=True, kw_only=True)
class AdditionOutcome:
    """End of an addition."""

    name: str
    species: dict[str, Any] | None = None
    """As the command tells it; None: nothing was added."""
    told: tuple[str, ...] = ()
    """What to expect of it."""
    problems: tuple[str, ...] = ()
    """Files that could not be used, and why nothing was added."""


@dataclass
class AdditionDesk:
    """Takes one addition at a time, and remembers how the last one ended.

    Args:
        station: that is added to.
        bundle: that it listens with.
    """

    station: Path
    bundle: Path
    running: str | None = None
    """Name of the species that is being added."""
    outcome: AdditionOutcome | None = None
    begun_s: float = 0.0
    _is_receiving: bool = False
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def begin(self, wanted: AdditionRequest, files: Sequence[Path], folder: Path) -> None:
        """Begin to add a species in a thread, which takes the folder of its files away.

        Raises:
            ConfigError: no name, or no file.
            StoreError: another one is being added.
        """
        if not wanted.name or wanted.name.startswith("-"):
            raise ConfigError("name: expected the name of a species")
        if not files:
            raise ConfigError("files: expected pictures or sounds of it")
        with self.closed():
            self.running, self.outcome, self.begun_s = wanted.name, None, time.monotonic()
        work = threading.Thread(target=self._work, args=(wanted, files, folder), daemon=True)
        work.start()

    @contextmanager
    def closed(self) -> Iterator[None]:
        """Keep additions off while the block lasts.

        Raises:
            StoreError: one is under way.
        """
        with self._lock:
            if self.running is not None:
                raise StoreError(f"{self.running} is being added; one species at a time")
            yield

    @contextmanager
    def receiving(self) -> Iterator[None]:
        """Take the files of one request: each may fill half of a small machine's memory.

        Raises:
            StoreError: those of another are being taken, or looked at.
        """
        with self.closed():
            if self._is_receiving:
                raise StoreError("other files are being sent; one species at a time")
            self._is_receiving = True
        try:
            yield
        finally:
            self._is_receiving = False

    def _work(self, wanted: AdditionRequest, files: Sequence[Path], folder: Path) -> None:
        outcome = AdditionOutcome(name=wanted.name, problems=("it ended without a word",))
        try:
            outcome = self._added(wanted, files)
        except (OSError, subprocess.SubprocessError) as error:
            problem = in_words(error) if isinstance(error, OSError) else "it took too long"
            outcome = AdditionOutcome(name=wanted.name, problems=(problem,))
        finally:
            shutil.rmtree(folder, ignore_errors=True)
            self.outcome, self.running = outcome, None

    def _added(self, wanted: AdditionRequest, files: Sequence[Path]) -> AdditionOutcome:
        command = leashed(self._command(wanted, files))
        done = subprocess.run(
            command,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            encoding="utf-8",
            errors="replace",
            timeout=_LONGEST_S,
            check=False,
        )
        species = _told(done.stdout)
        said = [line.removeprefix(_MARK) for line in done.stderr.splitlines()[-_MOST_LINES:]]
        _LOG.info("web: %s: %d files, added: %s", wanted.name, len(files), species is not None)
        return AdditionOutcome(
            name=wanted.name,
            species=species,
            told=tuple(species["told"]) if species else (),
            problems=tuple(_short(line, files) for line in said if line),
        )

    def _command(self, wanted: AdditionRequest, files: Sequence[Path]) -> list[str]:
        given = {"station": str(self.station), "bundle": str(self.bundle), **vars(wanted)}
        name = given.pop("name")
        words = ["--json", "--quiet"]
        words += [f"--{flag}={value}" for flag, value in given.items() if value]
        for flag, is_picture in (("--pictures", True), ("--sounds", False)):
            those = [str(f) for f in files if (f.suffix in pictures.SUFFIXES) == is_picture]
            words += [flag, *those] if those else []
        return python_module("edge", "species", "add", name, *words)


def folder_for_files() -> Path:
    """A folder of our own for what is uploaded."""
    return Path(tempfile.mkdtemp(prefix="birdlisten-"))


def _told(out: str) -> dict[str, Any] | None:
    """The line of the command; None if it has added nothing."""
    with suppress(ValueError, IndexError):
        found: dict[str, Any] = json.loads(out.splitlines()[-1])
        return found
    return None


def _short(line: str, files: Sequence[Path]) -> str:
    """A line with the files as a person has named them."""
    for file in files:
        line = line.replace(str(file), file.name.partition("-")[2])
    return line
