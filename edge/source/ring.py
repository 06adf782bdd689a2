"""Ring buffer between the reader thread and inference: when full, the oldest is dropped."""

import logging
import threading
import time
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator

from edge.source.block import Block
from edge.system.throttle import RateLimitedLog

_LOG = logging.getLogger(__name__)
_AHEAD_S = 5.0
"""A live source may be this much ahead of our clock; one that is more can wait."""
_PARTING_S = 0.5
_DRIFT = 1e-3
"""A card's clock may run faster than ours by this share, and is no source that can wait."""
_GAPS = 4096
"""Blocks held at most: those without samples count, too."""


class Ring:
    """Reads a live source ahead in a thread of its own.

    When inference is slower than real time the oldest blocks are dropped and counted; the jump
    in `first_sample` tells the framer. A source that delivers faster than real time, as a file on a
    web server, is held up instead.

    Args:
        blocks: the source.
        stopped: set to end: what is held then is not worked off.
        capacity_s: audio held at most.
        tap: told of each block as it comes; it never fails or waits.
    """

    def __init__(
        self,
        blocks: Iterable[Block],
        stopped: threading.Event | None = None,
        capacity_s: float = 30.0,
        tap: Callable[[Block], None] = lambda block: None,
    ) -> None:
        self._source, self._tap = blocks, tap
        self._stopped = stopped or threading.Event()
        self._capacity_s = capacity_s
        self._held: deque[Block] = deque()
        self._held_s = self._lead_s = 0.0
        self._changed = threading.Condition()
        self._over = False
        self._error: BaseException | None = None
        self.dropped_s = 0.0
        """Seconds of audio lost because inference was too slow."""
        self._complaint = RateLimitedLog(_LOG)
        self._seen = time.monotonic()
        self._thread = threading.Thread(target=self._read, daemon=True)

    def start(self) -> None:
        """Begin to read; `blocks` does, too."""
        if self._thread.ident is None:
            self._thread.start()

    def blocks(self) -> Iterator[Block]:
        """Start the reader and yield its blocks.

        Raises:
            BirdlistenError: whatever the source raised.
        """
        self.start()
        while (block := self._next()) is not None:
            yield block
        if self._error is not None:
            raise self._error

    def close(self) -> None:
        """Let the source go; it has half a second to end."""
        self._stopped.set()
        if self._thread.is_alive():
            self._thread.join(_PARTING_S)

    def _next(self) -> Block | None:
        with self._changed:
            while not self._held and not self._over and not self._stopped.is_set():
                # A bounded wait lets a signal through at once.
                self._changed.wait(0.2)
            if not self._held or self._stopped.is_set():
                return None
            block = self._held.popleft()
            self._held_s -= block.length_s
            self._changed.notify()
            return block

    def _read(self) -> None:
        try:
            self._read_ahead()
        except BaseException as error:  # handed to the reader of the ring
            self._error = error
        with self._changed:
            self._over = True
            self._changed.notify()

    def _read_ahead(self) -> None:
        try:
            for block in self._source:
                self._tap(block)
                self._push(block)
                if self._stopped.is_set():
                    break
        finally:
            # A process or a lock that it holds is let go now, not when it is collected.
            if isinstance(self._source, Generator):
                self._source.close()

    def _push(self, block: Block) -> None:
        with self._changed:
            while self._full() and self._lead() > _AHEAD_S and not self._stopped.is_set():
                self._changed.wait(0.2)
            self._held.append(block)
            self._held_s += block.length_s
            self._lead_s = self._lead() + block.length_s
            while self._full() and self._lead() <= _AHEAD_S and len(self._held) > 1:
                self._drop()
            self._changed.notify()

    def _full(self) -> bool:
        return self._held_s > self._capacity_s or len(self._held) > _GAPS

    def _lead(self) -> float:
        """Seconds of sound that have come since the source was last behind, less those passed."""
        now = time.monotonic()
        self._lead_s = max(self._lead_s - (1 + _DRIFT) * (now - self._seen), 0.0)
        self._seen = now
        return self._lead_s

    def _drop(self) -> None:
        oldest = self._held.popleft().length_s
        self._held_s -= oldest
        self.dropped_s += oldest
        self._complaint("inference is too slow: the oldest audio is dropped")
