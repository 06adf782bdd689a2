"""Writer of what the listener finds, in order, in a thread that a slow sink may hold up."""

import logging
import queue
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import Generic, TypeVar

from edge.system.throttle import FaultBarrier

Item = TypeVar("Item")
_LOG = logging.getLogger(__name__)


@dataclass(frozen=True)
class BatchPace:
    """BatchPace at which a sink is called."""

    every_s: float = 1.0
    """From one batch to the next, at least."""
    idle_s: float = 1.0
    """From one look to the next where nothing comes."""
    patience_s: float = 10.0
    """Time that items which aren't urgent wait for more to come with them."""


class Writer(Generic[Item]):
    """Hands batches of items to a sink in a thread of its own; leaving waits for what is queued.

    A sink that fails is told, and called again with the next batch; only a broken pipe ends it.

    Args:
        sink: takes a batch in order; an empty one now and then, to look after itself.
        most: items queued.
        pace: of the batches.
        urgent: items that a batch is not kept waiting for.
    """

    def __init__(
        self,
        sink: Callable[[Sequence[Item]], None],
        most: int = 1024,
        pace: BatchPace | None = None,
        urgent: Callable[[Item], bool] = lambda item: True,
    ) -> None:
        self._sink, self._most, self._urgent = sink, most, urgent
        self._pace = pace or BatchPace()
        self._items: queue.Queue[Item | None] = queue.Queue(most)
        self._error: BrokenPipeError | None = None
        self._ended, self._handed = False, -self._pace.every_s
        self._barrier = FaultBarrier(_LOG, "writing", "going on", logging.ERROR)
        self._thread = threading.Thread(target=self._run, daemon=True)

    def write(self, item: Item) -> None:
        """Queue one; a sink that is slower than that holds the caller up.

        Raises:
            BrokenPipeError: nobody reads any more.
        """
        self._check()
        self._items.put(item)

    def offer(self, item: Item) -> bool:
        """Queue one if there is room; whether there was.

        Raises:
            BrokenPipeError: nobody reads any more.
        """
        self._check()
        try:
            self._items.put_nowait(item)
        except queue.Full:
            return False
        return True

    def __enter__(self) -> "Writer[Item]":
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._items.put(None)
        self._thread.join()
        if error is None:
            self._check()

    def _check(self) -> None:
        if self._error is not None:
            raise self._error

    def _run(self) -> None:
        while not self._ended:
            batch = self._gather()
            self._handed = time.monotonic()
            with self._barrier:
                try:
                    self._sink(batch)
                except BrokenPipeError as error:  # raised again in the thread that writes
                    self._error = error

    def _gather(self) -> list[Item]:
        """Items that come until the next batch is due; none, if none comes."""
        batch: list[Item] = []
        due = time.monotonic() + self._pace.idle_s
        while not self._ended and len(batch) < self._most:
            try:
                item = self._items.get(timeout=max(0.0, due - time.monotonic()))
            except queue.Empty:
                break
            if item is None:
                self._ended = True
                break
            due = self._due(item, due, first=not batch)
            batch.append(item)
        return batch

    def _due(self, item: Item, due: float, first: bool) -> float:
        if first:
            due = time.monotonic() + self._pace.patience_s
        return min(due, self._handed + self._pace.every_s) if self._urgent(item) else due
