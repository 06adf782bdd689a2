"""Raw PCM on stdin, which has one reader at a time however often a run begins anew."""

import sys
import threading
from collections.abc import Iterator
from functools import cache

from edge.contract.errors import AudioError
from edge.source.block import Block
from edge.source.raw import RawPcm

_ADVICE = "pipe 16-bit mono PCM into it: arecord -t raw -f S16_LE -r 48000 | birdlisten --input -"
_GLANCE_S = 0.2


class StandardInput:
    """The one stdin of this process.

    A reload takes it over from the reader before, who ends first; a sample that had come by half is
    whole for the next one.

    Args:
        descriptor: of stdin.
    """

    def __init__(self, descriptor: int) -> None:
        self._pcm, self._read_by = RawPcm(descriptor), threading.Lock()

    def blocks(self, rate_hz: int, stopped: threading.Event) -> Iterator[Block]:
        """Blocks until it closes or is stopped.

        Args:
            rate_hz: of the samples.
            stopped: set to end.

        Raises:
            AudioError: it can't be read.
        """
        while not self._read_by.acquire(timeout=_GLANCE_S):
            if stopped.is_set():
                return
        try:
            yield from self._pcm.blocks(rate_hz, stopped=stopped)
        except OSError as error:
            raise AudioError(f"stdin: {error.strerror}; {_ADVICE}") from error
        finally:
            self._read_by.release()


@cache
def standard_input() -> StandardInput:
    """Stdin, which every caller shares.

    Raises:
        AudioError: it is closed.
    """
    if sys.stdin is None:
        raise AudioError(f"stdin is closed; {_ADVICE}")
    return StandardInput(sys.stdin.fileno())
