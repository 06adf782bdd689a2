"""PCM off a pipe: 16 bit, little-endian, mono, from arecord, ffmpeg or stdin; or as a WAV says."""

import threading
import time
from collections.abc import Iterator

from edge.contract.audio import Waveform, to_mono_float32
from edge.source.block import Block
from edge.source.decoding import SampleForm
from edge.source.pcm import read_part

_BLOCK_S = 0.25
_MONO_16 = SampleForm()


class RawPcm:
    """A pipe that delivers samples; half of one waits here for its other half.

    Args:
        pipe: file descriptor of the read end.
        form: of the samples; several channels are averaged.
        begun: what was read of it already.
        size: bytes after which something else follows; None: nothing does.
    """

    def __init__(
        self,
        pipe: int,
        form: SampleForm = _MONO_16,
        begun: bytes = b"",
        size: int | None = None,
    ) -> None:
        self._pipe, self._form, self._left = pipe, form, size
        self._half = begun

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
        size, more = self._form.frame_bytes * max(int(rate_hz * _BLOCK_S), 1), True
        while more:
            more = bool(data := read_part(self._pipe, size, patience_s, stopped))
            patience_s = silence_s
            block = Block(self._samples(data), rate_hz, position, time.monotonic_ns())
            if len(block.samples):
                yield block
            position = block.end_sample

    def _samples(self, data: bytes) -> Waveform:
        data = self._half + data
        if self._left is not None:
            data = data[: self._left]
        whole = len(data) - len(data) % self._form.frame_bytes
        self._half = data[whole:]
        if self._left is not None:
            self._left -= whole
        return to_mono_float32(self._form.decode(data[:whole]))
