"""Links of a file: recordings that were appended to each other, as chained Ogg and joined MP3.

Decoders end with the first one. What icecast dumps, and what `cat` joins, is such a file.
"""

import mmap
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from edge.source import mp3

_FLAC_HEAD = 26
"""Bytes up to the count of samples in STREAMINFO (RFC 9639), whose 36 bits are its last ones."""
_OGG_HEAD = 27
_BEGINS, _ENDS = 2, 4
"""Flags of a page of Ogg (RFC 3533): the first of a stream, and its last."""


class FileLinks(NamedTuple):
    """Byte ranges of the recordings in a file, and whether the last one is cut short."""

    ranges: list[tuple[int, int]]
    is_cut: bool = False
    prefix: bytes = b""
    """Comes before the first one, whose length decoders would else believe, or guess."""

    @property
    def is_plain(self) -> bool:
        """The file is one recording, to be read as it is."""
        return len(self.ranges) == 1 and not self.prefix


def find_links(path: Path) -> FileLinks:
    """The links of a file; one, unless it is an Ogg or an MP3 that was joined."""
    with path.open("rb") as file:
        head = file.read(_FLAC_HEAD)
        if head[:4] == b"fLaC":
            return FileLinks([(_FLAC_HEAD, path.stat().st_size)], prefix=_without_length(head))
        if head[:4] != b"OggS" and not mp3.begins(head[:4]):
            return FileLinks([(0, path.stat().st_size)])
        with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
            return _ogg_links(content) if head[:4] == b"OggS" else _mp3_links(content)


def _without_length(head: bytes) -> bytes:
    """The head of a FLAC that doesn't say how long it is."""
    if len(head) < _FLAC_HEAD:
        return head
    return head[:21] + bytes((head[21] & 0xF0, 0, 0, 0, 0))


def _ogg_links(content: mmap.mmap) -> FileLinks:
    starts, place, flags = list[int](), 0, _ENDS
    for place, flags in _pages(content):
        # The first pages of streams that sound together follow each other.
        if flags & _BEGINS and not (starts and _begins(content, starts[-1], place)):
            starts.append(place)
    whole = bool(flags & _ENDS) and _page_end(content, place) is not None
    return FileLinks(_ranges(starts or [0], len(content)), is_cut=not whole)


def _pages(content: mmap.mmap) -> Iterator[tuple[int, int]]:
    """Place and flags of each page; damage between two is passed over."""
    place = 0
    while place >= 0:
        end = _page_end(content, place)
        if content[place : place + 4] == b"OggS" and place + _OGG_HEAD <= len(content):
            yield place, content[place + 5]
            if end is None:
                return
        place = content.find(b"OggS", end or place + 1)


def _page_end(content: mmap.mmap, place: int) -> int | None:
    """None if the file ends before the page does."""
    head = content[place : place + _OGG_HEAD]
    if len(head) < _OGG_HEAD:
        return None
    sizes = content[place + _OGG_HEAD : place + _OGG_HEAD + head[26]]
    end = place + _OGG_HEAD + head[26] + sum(sizes)
    return end if len(sizes) == head[26] and end <= len(content) else None


def _begins(content: mmap.mmap, start: int, place: int) -> bool:
    """True if nothing but first pages lies from one first page to another."""
    while start < place:
        end = _page_end(content, start)
        if end is None or not content[start + 5] & _BEGINS:
            return False
        start = end
    return True


def _mp3_links(content: mmap.mmap) -> FileLinks:
    counts, begun = mp3.find_counts(content), mp3.first_frame(content)
    starts = [begun, *(count.frame for count in counts[1:])]
    is_cut = bool(counts) and counts[-1].frame + counts[-1].bytes > len(content)
    prefix = (
        b"" if counts or begun >= len(content) else mp3.endless_count(content[begun : begun + 4])
    )
    return FileLinks(_ranges(starts, len(content)), is_cut, prefix)


def _ranges(starts: list[int], end: int) -> list[tuple[int, int]]:
    return list(zip(starts, [*starts[1:], end], strict=True))
