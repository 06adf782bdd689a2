"""A bundle that is replaced while it listens: the new one takes over between two windows."""

import logging
from collections.abc import Iterator

from edge.command.opening import open_listener, open_recognizer
from edge.config import Settings
from edge.contract.errors import BirdlistenError
from edge.contract.manifest import FILE_NAME
from edge.pipeline.listener import Listener
from edge.recognition.recognizer import Recognizer
from edge.source.block import Block

_LOG = logging.getLogger(__name__)


class BundleReloader:
    """The bundle that the settings name, as it is now.

    Replacing manifest.json is what replaces a bundle. Sound that comes while the new one is loaded
    waits in memory; one that can't be used is told, and the old one stays.

    Args:
        settings: of the run.
        recognizer: opened from it just now; None opens it.

    Raises:
        BirdlistenError: it can't be used.
    """

    def __init__(self, settings: Settings, recognizer: Recognizer | None = None) -> None:
        self._settings, self._manifest = settings, settings.bundle_path / FILE_NAME
        self._seen = self._state()
        self.recognizer = recognizer or self._open()

    def listeners(self, blocks: Iterator[Block]) -> Iterator[tuple[Listener, Iterator[Block]]]:
        """A listener of each bundle, and the blocks that it shall hear.

        Args:
            blocks: of the source, until it ends.
        """
        scores = None
        while scores is not self.recognizer:
            scores = self.recognizer
            yield open_listener(self._settings, scores), self._until_replaced(blocks)

    def _until_replaced(self, blocks: Iterator[Block]) -> Iterator[Block]:
        for block in blocks:
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
        recognizer = open_recognizer(self._settings, live=True)
        open_listener(self._settings, recognizer)
        recognizer.warm_up()
        return recognizer

    def _state(self) -> tuple[int, int] | None:
        try:
            status = self._manifest.stat()
        except OSError:
            return None
        return status.st_ino, status.st_mtime_ns
