"""Watch over a live source: a replaced bundle takes over, and every block is a sign of life."""

import logging
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from edge.contract.errors import BirdlistenError
from edge.contract.manifest import FILE_NAME, load_manifest
from edge.pipeline.listener import Listener
from edge.pipeline.tally import Tally
from edge.recognition.recognizer import Recognizer
from edge.source.block import Block
from edge.system.throttle import FaultBarrier

_LOG = logging.getLogger(__name__)
_GLANCE_S = 1.0
"""Files that have stayed as they are for this long are no longer being copied."""
_SWITCH_S = 0.0005
"""Time in which a thread that loads makes way: inference asks for it dozens of times a window."""
_USUAL_S = sys.getswitchinterval()
"""Read once: of two that load at a time, one would take the other's for the usual one."""
_RETRY_S, _RETRY_MAX_S = 30.0, 3600.0


class Watchdog(Protocol):
    """Somebody who ends a run that shows no life."""

    def alive(self, status: object) -> None:
        """Sound came, or it rests by plan, and what came before is done with."""


@dataclass(frozen=True)
class LoadedBundle:
    """A bundle that is ready, and a listener of it."""

    recognizer: Recognizer
    listener: Listener


class BundleReloader:
    """The bundle that a run listens with, as it is now.

    Replacing manifest.json is what replaces a bundle; a species that the station adds has tables of
    its own. The one before listens on while the new one is loaded, beside it. One that can't be
    used is told, the old one stays, and it is tried again once its files change: manifest.json may
    be copied before the last of them. Whoever asks for another block is done with the one before,
    and so alive.

    Args:
        folder: of the bundle, which is watched.
        load: makes the bundle ready.
        watchdog: told of each block that holds sound, or rests by plan.
        loaded: before; None loads it.
        tables: of the station, whose replacement changes what is heard, too.
        taught: tells what else of the station does, in a few microseconds.
        beside: loads; None: a thread of its own.

    Raises:
        BirdlistenError: it can't be used.
    """

    def __init__(
        self,
        folder: Path,
        load: Callable[[], LoadedBundle],
        watchdog: Watchdog,
        loaded: LoadedBundle | None = None,
        tables: Sequence[Path] = (),
        taught: Callable[[], object] = tuple,
        beside: Executor | None = None,
    ) -> None:
        self._load, self._watchdog = load, watchdog
        is_loaded = loaded is None or _is_in(folder, loaded)
        self._watch = BundleWatch(folder, is_loaded, tables, taught)
        self._barrier = FaultBarrier(
            _LOG, "bundle", "going on with the bundle before", logging.ERROR
        )
        self._beside = beside or ThreadPoolExecutor(1, "bundle")
        self._loading: Future[LoadedBundle] | None = None
        self.loaded = loaded or load()

    def listeners(self, blocks: Iterator[Block]) -> Iterator[tuple[Listener, Iterator[Block]]]:
        """A listener of each bundle, and the blocks that it shall take.

        Args:
            blocks: of the source, until it ends.
        """
        used = None
        while used is not self.loaded:
            used = self.loaded
            yield used.listener, self._until_replaced(blocks, used.listener.tally)

    def _until_replaced(self, blocks: Iterator[Block], tally: Tally) -> Iterator[Block]:
        for block in blocks:
            if len(block.samples) or block.resting:
                self._watchdog.alive(tally)
            yield block
            if self._replaced():
                return

    def _replaced(self) -> bool:
        """True once another bundle is ready; cheap enough for every block."""
        if self._loading is None and self._watch.due():
            with self._barrier:  # no thread may be left to be had
                self._loading = self._beside.submit(_making_way, self._load)
            if self._loading is None:
                self._watch.tried(True)
        if self._loading is None or not self._loading.done():
            return False
        with self._barrier:
            self.loaded = self._loading.result()
        self._loading = None
        self._watch.tried(self._barrier.held)
        return not self._barrier.held


def _making_way(load: Callable[[], LoadedBundle]) -> LoadedBundle:
    """Load while another thread listens."""
    sys.setswitchinterval(_SWITCH_S)
    try:
        return load()
    finally:
        sys.setswitchinterval(_USUAL_S)


class BundleWatch:
    """Moments at which a bundle is to be loaded: replaced, or refused and changed since.

    Args:
        folder: of the bundle.
        loaded: True if what lies there now is what is in use.
        tables: whose replacement counts like that of the manifest.
        taught: a change of what it tells does, too.
    """

    def __init__(
        self,
        folder: Path,
        loaded: bool = True,
        tables: Sequence[Path] = (),
        taught: Callable[[], object] = tuple,
    ) -> None:
        self._folder, self._taught = folder, taught
        self._watched = (folder / FILE_NAME, *tables)
        self._states = self._look() if loaded else None
        self._refused = False
        self._files: frozenset[object] = frozenset()
        """As they were when they were refused."""
        self._last: frozenset[object] = frozenset()
        self._glanced = self._attempted = float("-inf")
        self._wait_s = _RETRY_S

    def due(self) -> bool:
        """True if it is to be loaded now; cheap enough for every block."""
        states = self._look()
        if states != self._states:
            self._states, self._wait_s = states, _RETRY_S
            self._attempt(_files(self._folder))
            return True
        return self._refused and self._is_worth_another()

    def tried(self, refused: bool) -> None:
        """Note the outcome of the attempt that `due` has asked for."""
        self._refused = refused

    def _is_worth_another(self) -> bool:
        now = time.monotonic()
        if now - self._glanced < _GLANCE_S:
            return False
        before, self._last = self._last, _files(self._folder)
        self._glanced = now
        changed = self._last != self._files and self._last == before
        waited = now - self._attempted >= self._wait_s
        if waited and not changed:
            self._wait_s = min(2 * self._wait_s, _RETRY_MAX_S)
        if changed or waited:
            self._attempt(self._last)
        return changed or waited

    def _look(self) -> tuple[object, ...]:
        return (*map(_state, self._watched), self._taught())

    def _attempt(self, files: frozenset[object]) -> None:
        self._files, self._attempted = files, time.monotonic()


def _is_in(folder: Path, loaded: LoadedBundle) -> bool:
    """True if a folder holds the bundle that is loaded."""
    try:
        return load_manifest(folder) == loaded.recognizer.bundle.manifest
    except BirdlistenError:
        return False


def _files(folder: Path) -> frozenset[object]:
    """Names and states of all files."""
    try:
        return frozenset((file.name, _state(file)) for file in folder.iterdir())
    except OSError:
        return frozenset()


def _state(file: Path) -> tuple[int, int, int] | None:
    try:
        status = file.stat()
    except OSError:
        return None
    return status.st_ino, status.st_mtime_ns, status.st_size
