"""Rows of a damaged database, read from its pages where SQLite itself finds no way to them.

The file format of SQLite (https://www.sqlite.org/fileformat2.html, sections 1.5, 1.6, 2.1 and 4):
every leaf page of a table tells where its cells are, whatever became of the pages that lead to it.
"""

import mmap
import struct
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path

from edge.records.schema import log_of

Value = int | float | str | bytes | None
_TABLE_LEAF = 13
_USUAL_BYTES = 4096
_WHOLE_NUMBERS = {1: 1, 2: 2, 3: 3, 4: 4, 5: 6, 6: 8}
"""Bytes of whole numbers by serial type."""
_FLOAT, _ZERO, _ONE, _BLOB = 7, 8, 9, 12
_WAL_HEAD, _FRAME_HEAD = struct.Struct(">32s"), struct.Struct(">II4s4s8x")
_FAULTS = (IndexError, ValueError, struct.error, KeyError)
"""Errors of bytes that are no cell."""


def stray_rows(path: Path) -> Iterator[tuple[int, list[Value]]]:
    """Number and values of every row that any leaf page of any table holds.

    Args:
        path: of the database; what lies in the log beside it counts.

    Raises:
        OSError: it can't be read.
    """
    pages = _Pages(path)
    for number in pages.used():
        page = pages[number]
        start = 100 if number == 1 else 0
        if page[start : start + 1] != bytes([_TABLE_LEAF]):
            continue
        (count,) = struct.unpack_from(">H", page, start + 3)
        for place in range(start + 8, min(start + 8 + 2 * count, len(page) - 1), 2):
            with suppress(*_FAULTS):
                yield _cell(pages, page, struct.unpack_from(">H", page, place)[0])


class _Pages:
    """Pages of a file by number from 1, the newest of each."""

    def __init__(self, path: Path) -> None:
        self._content = _mapped(path)
        size = int.from_bytes(self._content[16:18], "big")
        size = 65536 if size == 1 else size
        self.bytes = size if size >= 512 and size & (size - 1) == 0 else _USUAL_BYTES
        self._log = _mapped(log_of(path))
        self._newer = _logged(self._log, self.bytes)
        """Places in the log of the pages that it has anew."""

    def __getitem__(self, number: int) -> bytes:
        if number in self._newer:
            at = self._newer[number]
            return self._log[at : at + self.bytes]
        if number < 1:
            raise KeyError(number)
        return self._content[(number - 1) * self.bytes : number * self.bytes]

    def used(self) -> Iterator[int]:
        """Numbers of the pages that are not free: what was deleted shall not come back."""
        free = set(self._free())
        last = max(len(self._content) // self.bytes, max(self._newer, default=0))
        return (number for number in range(1, last + 1) if number not in free)

    def _free(self) -> Iterator[int]:
        trunk, seen = int.from_bytes(self[1][32:36], "big"), set[int]()
        while trunk and trunk not in seen and len(self[trunk]) == self.bytes:
            seen.add(trunk)
            yield trunk
            following, count = struct.unpack_from(">II", self[trunk])
            if count > self.bytes // 4 - 2:
                return
            yield from struct.unpack_from(f">{count}I", self[trunk], 8)
            trunk = following


def _mapped(path: Path) -> bytes | mmap.mmap:
    """Content of a file of any size; nothing, if it isn't there."""
    if not path.is_file() or not path.stat().st_size:
        return b""
    with path.open("rb") as file:
        return mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)


def _logged(content: bytes | mmap.mmap, page_bytes: int) -> Mapping[int, int]:
    """Places in a log of the pages of whole transactions, the newest of each."""
    salts = (content[16:20], content[20:24])
    done: dict[int, int] = {}
    begun: dict[int, int] = {}
    frame_bytes = _FRAME_HEAD.size + page_bytes
    for at in range(_WAL_HEAD.size, len(content) - frame_bytes + 1, frame_bytes):
        number, committed, *salt = _FRAME_HEAD.unpack_from(content, at)
        if tuple(salt) != salts:  # of a former round
            break
        begun[number] = at + _FRAME_HEAD.size
        if committed:
            done |= begun
            begun = {}
    return done


def _cell(pages: _Pages, page: bytes, at: int) -> tuple[int, list[Value]]:
    size, at = _varint(page, at)
    number, at = _varint(page, at)
    payload = _payload(pages, page[at:], size)
    number -= (number >> 63) << 64
    return number, list(_values(payload))


def _payload(pages: _Pages, cell: bytes, size: int) -> bytes:
    """The content of a cell, with what overflows to other pages."""
    usable = pages.bytes
    if size <= usable - 35:
        return cell[:size]
    least = (usable - 12) * 32 // 255 - 23
    local = least + (size - least) % (usable - 4)
    local = local if local <= usable - 35 else least
    content, following = cell[:local], int.from_bytes(cell[local : local + 4], "big")
    while following and len(content) < size:
        page = pages[following]
        if not page:
            break
        following, content = int.from_bytes(page[:4], "big"), content + page[4:]
    if len(content) < size:
        raise ValueError("the rest of a cell is missing")
    return content[:size]


def _values(payload: bytes) -> Iterator[Value]:
    head_bytes, at = _varint(payload, 0)
    kinds = []
    while at < head_bytes:
        kind, at = _varint(payload, at)
        kinds.append(kind)
    for kind in kinds:
        length = _length(kind)
        if at + length > len(payload):
            raise ValueError("a cell is shorter than its head says")
        yield _value(kind, payload[at : at + length])
        at += length


def _length(kind: int) -> int:
    if kind >= _BLOB:
        return (kind - _BLOB) // 2
    return 8 if kind == _FLOAT else _WHOLE_NUMBERS.get(kind, 0)


def _value(kind: int, content: bytes) -> Value:
    if kind >= _BLOB:
        return content.decode() if kind % 2 else content
    if kind in _WHOLE_NUMBERS:
        return int.from_bytes(content, "big", signed=True)
    if kind == _FLOAT:
        return float(struct.unpack(">d", content)[0])
    return {_ZERO: 0, _ONE: 1}.get(kind)


def _varint(content: bytes, at: int) -> tuple[int, int]:
    """A number of one to nine bytes, and the place behind it."""
    number = 0
    for n in range(8):
        byte = content[at + n]
        number = number << 7 | byte & 0x7F
        if byte < 0x80:
            return number, at + n + 1
    return number << 8 | content[at + 8], at + 9
