"""The one writer: records leave in order, in a thread that a slow reader may hold up."""

import queue
import threading
from collections.abc import Callable
from types import TracebackType

from edge.detection import Record

_MOST = 16
"""Records queued, some with megabytes of sound; a slower reader holds the listener up, which then
drops the oldest sound."""


class Writer:
    """Hands each record to a sink in a thread of its own; leaving waits for what is queued.

    Args:
        sink: called once a record.
    """

    def __init__(self, sink: Callable[[Record], None]) -> None:
        self._sink = sink
        self._records: queue.Queue[Record | None] = queue.Queue(_MOST)
        self._error: BaseException | None = None
        self._thread = threading.Thread(target=self._run, daemon=True)

    def write(self, record: Record) -> None:
        """Queue one record.

        Raises:
            OSError: the sink has failed, such as a closed pipe.
        """
        if self._error is not None:
            raise self._error
        self._records.put(record)

    def __enter__(self) -> "Writer":
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._records.put(None)
        self._thread.join()
        if error is None and self._error is not None:
            raise self._error

    def _run(self) -> None:
        try:
            while (record := self._records.get()) is not None:
                self._sink(record)
        except BaseException as error:  # raised again in the thread that writes
            self._error = error
            while self._records.get() is not None:  # nobody shall wait for room in vain
                pass
