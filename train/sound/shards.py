"""float16 arrays in memory-mapped shards, found by the sha256 of what they were made from.

A folder holds `shard-00000.f16` ..., raw arrays one after another, and `index.jsonl`, whose lines
say where an array lies and which file on disk has which sha256. A line is written after what it
speaks of, so whatever a crash leaves behind is either whole or not in the index.
"""

import json
import math
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from filelock import FileLock

from edge.contract.arrays import Array

INDEX, LOCK = "index.jsonl", "lock"
_SHARD_BYTES = 2**30
_BYTES = 2


@dataclass(frozen=True)
class ArrayEntry:
    """Place of an array."""

    sha256: str
    """Of the file it was made from."""
    shard: int
    offset: int
    """In numbers, not bytes."""
    shape: tuple[int, ...]

    @property
    def end(self) -> int:
        """Offset of the next array."""
        return self.offset + math.prod(self.shape)


class Shards:
    """Content of a folder; read whenever, written under `writing` by one process at a time.

    Args:
        folder: made when something is written.
        shard_bytes: a shard that is this long is followed by another.
    """

    def __init__(self, folder: Path, shard_bytes: int = _SHARD_BYTES) -> None:
        self._folder, self._shard_bytes = folder, shard_bytes
        self._read()

    def __contains__(self, file_key: str) -> bool:
        return self._files.get(file_key, "") in self._places

    @property
    def known(self) -> frozenset[str]:
        """sha256 of every file whose array is here."""
        return frozenset(self._places)

    def get(self, file_key: str) -> Array | None:
        """The array of a file, memory-mapped, by what `add` called it; None if there is none."""
        place = self._places.get(self._files.get(file_key, ""))
        return None if place is None else self._view(place)

    def sha256(self, file_key: str) -> str:
        """Of the file's bytes; empty if it is not known."""
        return str(self._files.get(file_key, ""))

    @contextmanager
    def writing(self) -> Iterator["ShardWriter"]:
        """Wait for whoever else writes, see what it wrote, and add more."""
        self._folder.mkdir(parents=True, exist_ok=True)
        with FileLock(self._folder / LOCK):
            self._read()
            writer = ShardWriter(self._folder, self._end, self._shard_bytes)
            try:
                yield writer
            finally:
                writer.commit()
                self._read()

    def _read(self) -> None:
        lines = list(_lines(self._folder / INDEX))
        places = [
            ArrayEntry(**{**line, "shape": tuple(line["shape"])})
            for line in lines
            if "shard" in line
        ]
        lengths = {place.shard: self._length(place.shard) for place in places}
        whole = [place for place in places if place.end <= lengths[place.shard]]
        self._files = {line["file"]: line["sha256"] for line in lines if "file" in line}
        self._places = {place.sha256: place for place in whole}
        self._mapped: dict[int, Array] = {}
        shard, end = max(((place.shard, place.end) for place in places), default=(0, 0))
        # A shard that lost its end, as in a power cut, is never written to again.
        self._end = (shard, end) if len(whole) == len(places) else (shard + 1, 0)

    def _length(self, shard: int) -> int:
        file = shard_file(self._folder, shard)
        return file.stat().st_size // _BYTES if file.is_file() else 0

    def _view(self, place: ArrayEntry) -> Array:
        if place.shard not in self._mapped:
            # Copy-on-write, because torch warns of memory that can't be written.
            file = shard_file(self._folder, place.shard)
            length = (self._length(place.shard),)
            self._mapped[place.shard] = np.memmap(file, np.float16, "c", shape=length)
        return self._mapped[place.shard][place.offset : place.end].reshape(place.shape)


class ShardWriter:
    """Adds arrays; `commit` makes what was added last.

    Args:
        folder: of the shards.
        end: the last shard, and where it ends.
        shard_bytes: as in `Shards`.
    """

    def __init__(self, folder: Path, end: tuple[int, int], shard_bytes: int) -> None:
        self._folder, self._most = folder, shard_bytes // _BYTES
        self._shard, self._end = end
        self._index_bytes = len(_whole_lines(folder / INDEX))
        self._lines: list[dict[str, Any]] = []
        self._arrays: list[Array] = []

    def add(self, file_key: str, sha256: str, array: Array | None) -> None:
        """Add a file's array; None if it is here already and only the file is new."""
        if array is not None:
            place = ArrayEntry(sha256, self._shard, self._end, array.shape)
            self._arrays.append(array.astype(np.float16, copy=False))
            self._lines.append(asdict(place))
            self._end = place.end
        self._lines.append({"file": file_key, "sha256": sha256})
        if self._end >= self._most:
            self.commit()
            self._shard, self._end = self._shard + 1, 0

    def commit(self) -> None:
        """Write what was added: first the arrays, then the lines that speak of them."""
        if self._arrays:
            begin = self._end - sum(array.size for array in self._arrays)
            with _appending(shard_file(self._folder, self._shard), begin * _BYTES) as shard:
                shard.writelines(array.tobytes() for array in self._arrays)
        if self._lines:
            with _appending(self._folder / INDEX, self._index_bytes) as lines:
                lines.writelines(json.dumps(line).encode() + b"\n" for line in self._lines)
                self._index_bytes = lines.tell()
        self._arrays.clear()
        self._lines.clear()


def shard_file(folder: Path, shard: int) -> Path:
    """Path of a shard."""
    return folder / f"shard-{shard:05d}.f16"


@contextmanager
def _appending(file: Path, position: int) -> Iterator[BinaryIO]:
    """Write on from a position; whatever stood behind it was not in the index."""
    with file.open("r+b" if file.is_file() else "w+b") as opened:
        opened.truncate(position)
        opened.seek(position)
        yield opened
        opened.flush()
        os.fsync(opened.fileno())


def _lines(index: Path) -> Iterator[dict[str, Any]]:
    return map(json.loads, _whole_lines(index).splitlines())


def _whole_lines(index: Path) -> bytes:
    """A file without a last line that was not written to its end."""
    content = index.read_bytes() if index.is_file() else b""
    return content[: content.rfind(b"\n") + 1]
