"""Raw PCM off a pipe: 16 bit, little-endian, mono; from arecord, ffmpeg or stdin."""

import sys
import threading
import time
from collections.abc import Iterator
from functools import cache

import numpy as np

from edge.contract.audio import Waveform, to_mono_float32
from edge.contract.errors import AudioError
from edge.source.block import Block
from edge.source.pcm import read_part

_BLOCK_S = 0.25
_ADVICE = "pipe 16-bit mono PCM into it: arecord -t raw -f S16_LE -r 48000 | birdlisten --input -"
_GLANCE_S = 0.2


class RawPcm:
    """A pipe that delivers samples; half of one waits here for its other half.

    Args:
        pipe: file descriptor of the read end.
    """

    def __init__(self, pipe: int) -> None:
        self._pipe, self._half = pipe, b""

    def blocks(
        self,
        rate_hz: int,
        first_s: float | None = None,
        silence_s: float | None = None,
        stopped: threading.Event | None = None,
    ) -> Iterator[Block]:
        """Read until the pipe closes; an odd last byte is dropped.

        Args:
            rate_hz: of the samples.
            first_s: how long the first bytes may take; None waits for ever.
            silence_s: how long any later ones may.
            stopped: set to end.

        Raises:
            SourceFault: nothing came in time.
        """
        position, patience_s = 0, first_s
        size = 2 * max(int(rate_hz * _BLOCK_S), 1)
        while data := read_part(self._pipe, size, patience_s, stopped):
            patience_s = silence_s
            block = Block(self._samples(data), rate_hz, position, time.monotonic_ns())
            if len(block.samples):
                yield block
            position = block.end_sample

    def _samples(self, data: bytes) -> Waveform:
        data = self._half + data
        self._half = data[len(data) & ~1 :]
        return to_mono_float32(np.frombuffer(data, "<i2", len(data) // 2))


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
