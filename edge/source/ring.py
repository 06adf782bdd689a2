"""The bounded ring between the reader thread and inference: when full, the oldest is dropped."""

import threading
from collections import deque
from collections.abc import Iterable, Iterator

from edge.source.block import Block


class Ring:
    """Reads a live source ahead in a thread of its own.

    When inference is slower than real time the oldest blocks are dropped and counted; the jump
    in `first_sample` tells the framer.

    Args:
        blocks: the source.
        capacity_s: audio held at most.
    """

    def __init__(self, blocks: Iterable[Block], capacity_s: float = 30.0) -> None:
        self._source = blocks
        self._capacity_s = capacity_s
        self._held: deque[Block] = deque()
        self._held_s = 0.0
        self._changed = threading.Condition()
        self._over = False
        self._error: BaseException | None = None
        self.dropped_s = 0.0
        """Seconds of audio lost because inference was too slow."""
        self._thread = threading.Thread(target=self._read, daemon=True)

    def blocks(self) -> Iterator[Block]:
        """Start the reader and yield its blocks.

        Raises:
            BirdlistenError: whatever the source raised.
        """
        self._thread.start()
        while (block := self._next()) is not None:
            yield block
        if self._error is not None:
            raise self._error

    def _next(self) -> Block | None:
        with self._changed:
            while not self._held and not self._over:
                # A bounded wait lets a signal through at once.
                self._changed.wait(0.2)
            if not self._held:
                return None
            block = self._held.popleft()
            self._held_s -= _seconds(block)
            return block

    def _read(self) -> None:
        try:
            for block in self._source:
                self._push(block)
        except BaseException as error:  # handed to the reader of the ring
            self._error = error
        with self._changed:
            self._over = True
            self._changed.notify()

    def _push(self, block: Block) -> None:
        with self._changed:
            self._held.append(block)
            self._held_s += _seconds(block)
            while self._held_s > self._capacity_s and len(self._held) > 1:
                oldest = _seconds(self._held.popleft())
                self._held_s -= oldest
                self.dropped_s += oldest
            self._changed.notify()


def _seconds(block: Block) -> float:
    return len(block.samples) / block.rate_hz
