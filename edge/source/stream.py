"""Where audio comes from besides a microphone: raw PCM on stdin, and whatever ffmpeg can open."""

import subprocess
import sys
import threading
from collections.abc import Iterator
from typing import IO

import numpy as np

from edge.contract.errors import AudioError
from edge.source.block import Block

_BLOCK_S = 0.25


def is_url(text: str) -> bool:
    """Whether an input is a stream for ffmpeg (`rtsp://`, `http://`, ...)."""
    return "://" in text


def pcm_blocks(pipe: IO[bytes], rate_hz: int) -> Iterator[Block]:
    """Raw 16-bit little-endian mono PCM until the pipe closes; an odd last byte is dropped."""
    position, size = 0, 2 * max(int(rate_hz * _BLOCK_S), 1)
    while data := pipe.read(size):
        samples = np.frombuffer(data[: len(data) & ~1], "<i2").astype(np.float32)
        yield Block(samples / np.float32(32768), rate_hz, position)
        position += len(samples)


def stdin_blocks(rate_hz: int) -> Iterator[Block]:
    """Raw PCM on standard input."""
    return pcm_blocks(sys.stdin.buffer, rate_hz)


def url_blocks(url: str, rate_hz: int) -> Iterator[Block]:
    """A stream, decoded by an ffmpeg child.

    Raises:
        AudioError: ffmpeg is missing, or the stream can't be opened or ends with an error.
    """
    # Only audio is asked for: a camera's video would be sent and thrown away.
    command = ["ffmpeg", "-nostdin", "-loglevel", "error", "-i", url, "-vn", "-ac", "1"]
    command += ["-ar", str(rate_hz), "-f", "s16le", "-"]
    try:
        process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE
        )
    except FileNotFoundError as error:
        raise AudioError(f"{url}: streams need ffmpeg: sudo apt install ffmpeg") from error
    assert process.stdout is not None
    assert process.stderr is not None
    last_line = _LastLine(process.stderr)
    try:
        yield from pcm_blocks(process.stdout, rate_hz)
        if process.wait() != 0:
            raise AudioError(f"{url}: the stream can't be read ({last_line.read()})")
    finally:
        process.kill()
        process.wait()
        process.stdout.close()


class _LastLine:
    """Drains a pipe for ever and remembers its last line only."""

    def __init__(self, pipe: IO[bytes]) -> None:
        self._line = b""
        self._thread = threading.Thread(target=self._drain, args=(pipe,), daemon=True)
        self._thread.start()

    def _drain(self, pipe: IO[bytes]) -> None:
        with pipe:
            while line := pipe.readline(4096):
                self._line = line.strip() or self._line

    def read(self) -> str:
        self._thread.join(timeout=1.0)
        return self._line.decode(errors="replace")
