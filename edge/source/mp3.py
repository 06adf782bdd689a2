"""Frames of an MP3, and the one that counts them (Xing's; LAME writes Info for a constant rate).

Without that a decoder guesses the length by the first frame's rate of bits, and ends there: of one
whose rate varies that may be after a third of it.
"""

import re
from collections.abc import Iterator
from mmap import mmap
from typing import NamedTuple

_COUNTS = re.compile(rb"(?:Xing|Info)\0\0\0[\0-\x0f]")
"""Marks of a counting frame, with its flags."""
_HAS_FRAMES, _HAS_BYTES = 1, 2
_BEFORE_MARK = (36, 21, 13)
"""From a frame's head to that mark: stereo, mono or stereo of MPEG-2, mono of that."""
_TAG = b"ID3"
_TAG_HEAD = 10
_MPEG_1, _MONO = 3, 3
_ROOMY, _OTHER_ROOMY = 5, 8
"""Numbers of a rate of bits, 64 kbit/s, at which a counting frame has room."""
_KBITS = (0, 32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320)
_FEWER_KBITS = (0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160)
_RATES_HZ = (44_100, 48_000, 32_000)
_MANY = 0x7FFF_FFFF


class Count(NamedTuple):
    """A frame that counts all others of a recording."""

    frame: int
    """Its place."""
    bytes: int
    """Bytes of all frames; 0 if they are not counted."""


def begins(head: bytes) -> bool:
    """True of the first four bytes of an MP3."""
    return head[:3] == _TAG or _is_frame(head)


def is_followed(content: bytes) -> bool:
    """True if a frame begins here, and another where it ends."""
    if not _is_frame(content[:4]):
        return False
    version, number = content[1] >> 3 & 3, content[2] >> 4
    rates = _KBITS if version == _MPEG_1 else _FEWER_KBITS
    padding = content[2] >> 1 & 1
    end = _length(version, content[2] >> 2 & 3, 1000 * rates[number]) + padding
    return _is_frame(content[end : end + 4])


def first_frame(content: mmap) -> int:
    """Place of the first frame, behind tags."""
    place = 0
    while content[place : place + 3] == _TAG:
        head = content[place : place + _TAG_HEAD]
        size = sum(byte << shift for byte, shift in zip(head[6:], (21, 14, 7, 0), strict=False))
        place += _TAG_HEAD + size
    return next(_frames_from(content, place), place)


def find_counts(content: mmap) -> list[Count]:
    """The counting frames: one a recording, if any."""
    return [
        Count(frame, _counted_bytes(content[found.start() : found.start() + 16]))
        for found in _COUNTS.finditer(content)
        if (frame := _frame_of(content, found.start())) is not None
    ]


def endless_count(head: bytes) -> bytes:
    """A counting frame to put before a recording that lacks it: of so many that none is left out.

    Args:
        head: the first four bytes of its first frame.
    """
    version, mono = head[1] >> 3 & 3, head[3] >> 6 == _MONO
    number = _ROOMY if version == _MPEG_1 else _OTHER_ROOMY
    rate = head[2] >> 2 & 3
    before = _BEFORE_MARK[(0 if version == _MPEG_1 else 1) + mono]
    own = bytes((0xFF, head[1] | 1, number << 4 | rate << 2, head[3]))
    frame = own.ljust(before, b"\0") + b"Xing" + _HAS_FRAMES.to_bytes(4, "big")
    frame += _MANY.to_bytes(4, "big")
    return frame.ljust(_length(version, rate, 64_000), b"\0")


def _length(version: int, rate: int, bits: int) -> int:
    """Bytes of a frame without padding."""
    hz = _RATES_HZ[rate] // {_MPEG_1: 1, 2: 2}.get(version, 4)
    return (144 if version == _MPEG_1 else 72) * bits // hz


def _frame_of(content: mmap, mark: int) -> int | None:
    """Place of the frame that a mark stands in; None of bytes that happen to look like one."""
    places = (mark - before for before in _BEFORE_MARK if mark >= before)
    return next((place for place in places if _is_frame(content[place : place + 4])), None)


def _frames_from(content: mmap, place: int) -> Iterator[int]:
    """Places of what looks like a frame."""
    while (place := content.find(b"\xff", place)) >= 0:
        if _is_frame(content[place : place + 4]):
            yield place
        place += 1


def _counted_bytes(count: bytes) -> int:
    flags = count[7]
    start = 12 if flags & _HAS_FRAMES else 8
    return int.from_bytes(count[start : start + 4], "big") if flags & _HAS_BYTES else 0


def _is_frame(head: bytes) -> bool:
    """True of the head of a frame of MPEG audio, layer 3."""
    if len(head) < 4 or head[0] != 0xFF or head[1] & 0xE6 != 0xE2:
        return False
    version_known = head[1] >> 3 & 3 != 1
    return version_known and head[2] >> 4 not in (0, 15) and head[2] >> 2 & 3 != 3
