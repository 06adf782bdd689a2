"""Writer of records in order, in a thread that a slow reader or disk may hold up."""

import queue
import threading
from collections.abc import Callable
from types import TracebackType
from typing import Generic, TypeVar

Item = TypeVar("Item")


class Writer(Generic[Item]):
    """Hands each item to a sink in a thread of its own; leaving waits for what is queued.

    Args:
        sink: called once an item.
        most: items queued.
    """

    def __init__(self, sink: Callable[[Item], None], most: int = 1024) -> None:
        self._sink = sink
        self._items: queue.Queue[Item | None] = queue.Queue(most)
        self._error: BaseException | None = None
        self._thread = threading.Thread(target=self._run, daemon=True)

    def write(self, item: Item) -> None:
        """Queue one; a sink that is slower than that holds the caller up.

        Raises:
            OSError: the sink has failed, such as a closed pipe.
        """
        self._check()
        self._items.put(item)

    def offer(self, item: Item) -> bool:
        """Queue one if there is room; whether there was.

        Raises:
            OSError: the sink has failed.
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
        try:
            while (item := self._items.get()) is not None:
                self._sink(item)
        except BaseException as error:  # raised again in the thread that writes
            self._error = error
            while self._items.get() is not None:  # nobody shall wait for room in vain
                pass
