"""Watch over a live source: a replaced bundle takes over, and every block is a sign of life."""

import logging
from collections.abc import Callable, Iterator
from pathlib import Path

from edge.contract.errors import BirdlistenError
from edge.pipeline.listener import Listener, Tally
from edge.recognition.recognizer import Recognizer
from edge.source.block import Block

_LOG = logging.getLogger(__name__)


class BundleReloader:
    """The bundle that a run listens with, as it is now.

    Replacing manifest.json is what replaces a bundle. Sound that comes while the new one is loaded
    waits in memory; one that can't be used is told, and the old one stays. Whoever asks for another
    block is done with the one before, and so alive.

    Args:
        manifest: of the bundle, which is watched.
        load: makes the bundle ready.
        listener: of a bundle that is ready.
        alive: called for each block that holds sound, or rests by plan.
        recognizer: loaded just now; None loads it.

    Raises:
        BirdlistenError: it can't be used.
    """

    def __init__(
        self,
        manifest: Path,
        load: Callable[[], Recognizer],
        listener: Callable[[Recognizer], Listener],
        alive: Callable[[Tally], None],
        recognizer: Recognizer | None = None,
    ) -> None:
        self._manifest, self._load, self._listener = manifest, load, listener
        self._alive = alive
        self._seen = self._state()
        self.recognizer = recognizer or self._open()

    def listeners(self, blocks: Iterator[Block]) -> Iterator[tuple[Listener, Iterator[Block]]]:
        """A listener of each bundle, and the blocks that it shall take.

        Args:
            blocks: of the source, until it ends.
        """
        used = None
        while used is not self.recognizer:
            used = self.recognizer
            listener = self._listener(used)
            yield listener, self._until_replaced(blocks, listener.tally)

    def _until_replaced(self, blocks: Iterator[Block], tally: Tally) -> Iterator[Block]:
        for block in blocks:
            if len(block.samples) or block.resting:
                self._alive(tally)
            yield block
            if self._replaced():
                return

    def _replaced(self) -> bool:
        state = self._state()
        if state == self._seen:
            return False
        self._seen = state
        try:
            self.recognizer = self._open()
        except BirdlistenError as error:
            _LOG.error("%s; going on with the bundle before", error)
            return False
        return True

    def _open(self) -> Recognizer:
        recognizer = self._load()
        self._listener(recognizer)  # refuses what can't listen
        recognizer.warm_up()
        return recognizer

    def _state(self) -> tuple[int, int] | None:
        try:
            status = self._manifest.stat()
        except OSError:
            return None
        return status.st_ino, status.st_mtime_ns
