"""Stdin as a source: raw PCM, or a WAV, FLAC, Ogg or MP3, which its first bytes tell."""

import os
import sys
import threading
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from functools import cache, partial

from edge.contract.errors import AudioError
from edge.source import mp3
from edge.source.block import Block
from edge.source.child import Child
from edge.source.pcm import read_part
from edge.source.raw import RawPcm
from edge.source.riff import read_form

_ADVICE = "pipe 16-bit mono PCM into it: arecord -t raw -f S16_LE -r 48000 | birdlisten --input -"
_GLANCE_S = 0.2
_HEAD = 12
_WAVS = (b"RIFF", b"RF64", b"BW64")
_CODED = (b"fLaC", b"OggS", b"ID3\x03", b"ID3\x04")
_TWO_FRAMES = 4096
"""Bytes that hold two frames of an MP3: one might be samples that look so."""
_FFMPEG = ("ffmpeg", "-hide_banner", "-loglevel", "error", "-i", "pipe:0", "-map", "0:a:0")
_MONO = ("-vn", "-ac", "1", "-c:a", "pcm_s16le", "-flush_packets", "1", "-f", "wav", "-")
_PART = 1 << 14


class StandardInput:
    """The one stdin of this process.

    A reload takes it over from the reader before, who ends first; a sample that had come by half is
    whole for the next one.

    Args:
        descriptor: of stdin.
    """

    def __init__(self, descriptor: int) -> None:
        self._descriptor, self._read_by = descriptor, threading.Lock()
        self._opened: tuple[RawPcm, int | None] | None = None
        self._decoder = ExitStack()

    def blocks(self, rate_hz: int, stopped: threading.Event) -> Iterator[Block]:
        """Blocks until it closes or is stopped.

        Args:
            rate_hz: of the samples, if they are raw.
            stopped: set to end.

        Raises:
            AudioError: it can't be read.
        """
        while not self._read_by.acquire(timeout=_GLANCE_S):
            if stopped.is_set():
                return
        try:
            pcm, told_hz = self._open(stopped)
            yield from pcm.blocks(told_hz or rate_hz, stopped=stopped)
            if not stopped.is_set():
                self._decoder.close()
        except OSError as error:
            raise AudioError(f"stdin: {error.strerror}; {_ADVICE}") from error
        finally:
            self._read_by.release()

    def _open(self, stopped: threading.Event) -> tuple[RawPcm, int | None]:
        """The samples, and their rate where the sound tells it."""
        if self._opened is None:
            head = self._read(b"", _HEAD, stopped)
            if stopped.is_set() and len(head) < _HEAD:
                return RawPcm(self._descriptor, begun=head), None
            self._opened = self._recognised(head, stopped)
        return self._opened

    def _recognised(self, head: bytes, stopped: threading.Event) -> tuple[RawPcm, int | None]:
        if head[:4] in _WAVS:
            return self._wav(head, stopped)
        if mp3.begins(head[:4]) and head[:3] != b"ID3":
            head = self._read(head, _TWO_FRAMES, stopped)
        if head[:4] in _CODED or mp3.is_followed(head):
            return self._decoded(head)
        return RawPcm(self._descriptor, begun=head), None

    def _wav(self, head: bytes, stopped: threading.Event) -> tuple[RawPcm, int | None]:
        held = bytearray(head)

        def read(count: int) -> bytes:
            held[:] = self._read(bytes(held), count, stopped)
            taken = bytes(held[:count])
            del held[:count]
            return taken

        found = read_form(read)
        if found is None:
            raise AudioError("stdin: a WAV whose samples are packed; convert it, or name the file")
        rate_hz, form, size = found
        return RawPcm(self._descriptor, form, begun=bytes(held), size=size), rate_hz

    def _decoded(self, head: bytes) -> tuple[RawPcm, int | None]:
        """Through ffmpeg, which a thread feeds."""
        try:
            child = Child([*_FFMPEG, *_MONO], feed=partial(self._feed, head=head))
        except FileNotFoundError as error:
            raise AudioError(
                "stdin: this sound needs ffmpeg: sudo apt install ffmpeg; or name the file"
            ) from error
        self._decoder.enter_context(child)
        found = read_form(child.stdout.read)
        if found is None:
            raise AudioError(f"stdin: not readable as audio ({child.said()})")
        rate_hz, form, _ = found
        return RawPcm(child.pipe, form), rate_hz

    def _feed(self, pipe: int, head: bytes) -> None:
        with suppress(OSError):  # ffmpeg has ended
            while head:
                os.write(pipe, head)
                head = os.read(self._descriptor, _PART)
        os.close(pipe)

    def _read(self, held: bytes, count: int, stopped: threading.Event) -> bytes:
        """At least so many bytes, unless it closes, or is stopped."""
        while len(held) < count:
            part = read_part(self._descriptor, count - len(held), None, stopped)
            if not part:
                break
            held += part
        return held


@cache
def standard_input() -> StandardInput:
    """Stdin, which every caller shares.

    Raises:
        AudioError: it is closed.
    """
    if sys.stdin is None:
        raise AudioError(f"stdin is closed; {_ADVICE}")
    return StandardInput(sys.stdin.fileno())
