"""Chunks of a WAV (RIFF, RF64, BW64), whose sizes may lie.

A recorder that loses power never writes them; beyond 4 GiB they are written modulo 2^32. The file's
own end decides: sound goes on to it, unless what follows the claimed end is chunks again.
"""

import os
import struct
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from edge.source.decoding import SampleForm

_MAGIC = (b"RIFF", b"RF64", b"BW64")
_PCM, _FLOAT, _EXTENSIBLE = 1, 3, 0xFFFE
_UNKNOWN = 0x7FFF_0000
"""Sizes from here on are written by programs that don't know them yet, into a pipe say."""
_MOST_CHUNKS = 1000
_HEAD = struct.Struct("<4sI")


@dataclass(frozen=True)
class Chunk:
    """A chunk, and where its content lies."""

    name: bytes
    start: int
    claimed: int
    """Bytes, as its head says."""
    size: int
    """Bytes that are there."""

    @property
    def is_cut(self) -> bool:
        """True if it says more than there is, and knew what it said."""
        return self.size < self.claimed < _UNKNOWN


@dataclass(frozen=True, kw_only=True)
class WavLayout:
    """Place and form of the samples of a WAV that are written as they are."""

    start: int
    """Of the first sample, in bytes."""
    size: int
    """Bytes of whole frames."""
    promised: int
    """Bytes that the header promises; those that are there, if it knew of none."""
    rate_hz: int
    form: SampleForm


def read_chunks(file: BinaryIO) -> list[Chunk]:
    """The chunks of an open file; none if it is no WAV."""
    head = file.read(12)
    if head[:4] not in _MAGIC or head[8:] != b"WAVE":
        return []
    length = os.fstat(file.fileno()).st_size
    return list(_chunks(file, length))


def content(file: BinaryIO, chunk: Chunk, most: int = 1 << 18) -> bytes:
    """Bytes of a chunk, at most so many."""
    file.seek(chunk.start)
    return file.read(min(chunk.size, most))


def misleading_layout(path: Path) -> WavLayout | None:
    """Layout of a WAV that decoders end too early, or refuse, by its header; None of any other."""
    with path.open("rb") as file:
        magic = file.read(4)
        file.seek(0)
        chunks = {chunk.name: chunk for chunk in reversed(read_chunks(file))}
        data, form = chunks.get(b"data"), chunks.get(b"fmt ")
        if data is None or form is None:
            return None
        if magic != b"BW64" and data.size == data.claimed:
            return None
        return _layout(content(file, form), data)


def _chunks(file: BinaryIO, length: int) -> Iterator[Chunk]:
    place, large = 12, 0
    for _ in range(_MOST_CHUNKS):
        file.seek(place)
        head = file.read(_HEAD.size)
        if len(head) < _HEAD.size:
            return
        name, claimed = _HEAD.unpack(head)
        start = place + _HEAD.size
        if name == b"ds64":
            large = _sizes_of_data(file.read(16))
        if name == b"data":
            claimed = large or claimed
            end = _end_of_sound(file, start, claimed=claimed, length=length)
        else:
            end = min(start + claimed, length)
        yield Chunk(name, start, claimed, end - start)
        place = end + (end - start) % 2


def _sizes_of_data(content: bytes) -> int:
    """The second of the 64 bit sizes of RF64; 0 where it is cut."""
    return int.from_bytes(content[8:16], "little") if len(content) == 16 else 0


def _end_of_sound(file: BinaryIO, start: int, claimed: int, length: int) -> int:
    end = start + claimed
    if end >= length or not _are_chunks(file, end + claimed % 2, length):
        return length
    return end


def _are_chunks(file: BinaryIO, place: int, length: int) -> bool:
    """True if chunks follow each other from a place to the end of the file."""
    for _ in range(_MOST_CHUNKS):
        if place >= length - 1:  # the last byte may be padding, or lack it
            return place <= length + 1
        file.seek(place)
        head = file.read(_HEAD.size)
        if len(head) < _HEAD.size or not _is_name(head[:4]):
            return False
        size = _HEAD.unpack(head)[1]
        place += _HEAD.size + size + size % 2
    return False


def _is_name(name: bytes) -> bool:
    return name.isascii() and name.decode("ascii").isprintable()


def _layout(head: bytes, data: Chunk) -> WavLayout | None:
    """None where samples are packed otherwise than one by one."""
    if (known := _form(head)) is None:
        return None
    rate_hz, form = known
    whole = data.size - data.size % form.frame_bytes
    return WavLayout(
        start=data.start,
        size=whole,
        promised=data.claimed if data.is_cut else whole,
        rate_hz=rate_hz,
        form=form,
    )


def _form(head: bytes) -> tuple[int, SampleForm] | None:
    """Rate and form by a chunk `fmt `; None where samples are packed otherwise."""
    if len(head) < 16:
        return None
    tag, channels, rate_hz, _, align, _ = struct.unpack("<HHIIHH", head[:16])
    if tag == _EXTENSIBLE and len(head) >= 26:
        tag = int.from_bytes(head[24:26], "little")
    bits = 8 * align // channels if channels else 0
    stored = {_PCM: (8, 16, 24, 32), _FLOAT: (32, 64)}.get(tag, ())
    if bits not in stored or align * 8 != bits * channels or not rate_hz:
        return None
    return rate_hz, SampleForm(channels=channels, bits=bits, is_float=tag == _FLOAT)


def read_form(read: Callable[[int], bytes]) -> tuple[int, SampleForm, int | None] | None:
    """Read the head of a WAV off a pipe, up to its samples.

    Args:
        read: reads so many bytes, or less at the end.

    Returns:
        Rate in Hz, form, and bytes of the sound where these are known; None if it is no such WAV.
    """
    if read(12)[8:] != b"WAVE":
        return None
    known = None
    while len(head := read(_HEAD.size)) == _HEAD.size:
        name, size = _HEAD.unpack(head)
        if name == b"data":
            return known and (*known, size if 0 < size < _UNKNOWN else None)
        content = read(size + size % 2)
        known = _form(content) if name == b"fmt " else known
    return None
