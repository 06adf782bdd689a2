"""float16 arrays in memory-mapped shards, found by the sha256 of what they were made from.

A folder holds `shard-00000.f16` ..., raw arrays one after another, and an index
(train/sound/index.py), whose records say where a file's array lies. A record is written after what
it speaks of, so whatever a crash leaves behind is either whole or not in the index.
"""

import os
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, overload

import numpy as np
from filelock import FileLock

from edge.contract.arrays import Array, Flags, Int64s
from train.sound.index import (
    BYTES,
    INDEX,
    ArrayEntry,
    Index,
    key_number,
    key_numbers,
    record_bytes,
    shard_file,
    shard_length,
)

LOCK = "lock"
_SHARD_BYTES = 2**30


class Shards:
    """Content of a folder; read whenever, written under `writing` by one process at a time.

    Args:
        folder: made when something is written.
        shard_bytes: a shard that is this long is followed by another.
    """

    def __init__(self, folder: Path, shard_bytes: int = _SHARD_BYTES) -> None:
        self._folder, self._shard_bytes = folder, shard_bytes
        self._read()

    def __contains__(self, key: str) -> bool:
        return self._record(key) >= 0

    def __len__(self) -> int:
        return len(self.index)

    def get(self, key: str) -> Array | None:
        """The array of a file, memory-mapped, by what `add` called it; None if there is none."""
        return self.array(self._record(key))

    def array(self, record: int) -> Array | None:
        """A record's array; None for -1."""
        if record < 0:
            return None
        entry = self.index.entry(record)
        return self._shard(entry.shard)[entry.offset : entry.end].reshape(entry.shape)

    def arrays(self, keys: Iterable[str]) -> "KeptArrays":
        """The arrays of files, in order."""
        return KeptArrays(self, self.index.find(key_numbers(keys)))

    def sha256(self, key: str) -> str:
        """Of the file's bytes; empty if it is not known."""
        record = self._record(key)
        return self.index.sha256(record) if record >= 0 else ""

    @contextmanager
    def writing(self) -> Iterator["ShardWriter"]:
        """Wait for whoever else writes, see what it wrote, and add more."""
        self._folder.mkdir(parents=True, exist_ok=True)
        with FileLock(self._folder / LOCK):
            self._read()
            writer = ShardWriter(self._folder, self.index, self._shard_bytes)
            try:
                yield writer
            finally:
                writer.commit()
                self._read()

    def _read(self) -> None:
        self.index = Index(self._folder)
        self._mapped: dict[int, Array] = {}

    def _record(self, key: str) -> int:
        return int(self.index.find(np.array([key_number(key)], np.uint64))[0])

    def _shard(self, shard: int) -> Array:
        if shard not in self._mapped:
            # Copy-on-write, because torch warns of memory that can't be written.
            file, length = shard_file(self._folder, shard), shard_length(self._folder, shard)
            self._mapped[shard] = np.memmap(file, np.float16, "c", shape=(length,))
        return self._mapped[shard]


class KeptArrays(Sequence[Array | None]):
    """Arrays that are looked up when they are asked for: 8 bytes each, however many there are.

    Args:
        shards: hold them.
        records: int64[n] of the index; -1 for a file that has none.
    """

    def __init__(self, shards: Shards, records: Int64s) -> None:
        self._shards, self._records = shards, records

    def __len__(self) -> int:
        return len(self._records)

    @overload
    def __getitem__(self, place: int) -> Array | None: ...
    @overload
    def __getitem__(self, place: slice) -> "KeptArrays": ...
    def __getitem__(self, place: int | slice) -> "Array | KeptArrays | None":
        """One of them, or None; or a row of them."""
        if isinstance(place, slice):
            return KeptArrays(self._shards, self._records[place])
        return self._shards.array(int(self._records[place]))

    @property
    def present(self) -> Flags:
        """bool[n]: which are not None."""
        return self._records >= 0

    @property
    def readable(self) -> "KeptArrays":
        """Those that are not None."""
        return KeptArrays(self._shards, self._records[self.present])

    @property
    def lengths(self) -> Int64s:
        """int64[n]: the first axis of each; 0 for None."""
        return self._shards.index.lengths(self._records)


class ShardWriter:
    """Adds arrays; `commit` makes what was added last.

    Args:
        folder: of the shards.
        index: as it is.
        shard_bytes: as in `Shards`.
    """

    def __init__(self, folder: Path, index: Index, shard_bytes: int) -> None:
        self._folder, self._index, self._most = folder, index, shard_bytes // BYTES
        self._shard, self._end = index.end
        self._index_bytes = index.file_bytes
        self._records: list[bytes] = []
        self._arrays: list[Array] = []

    def add(self, key: str, sha256: str, array: Array | None) -> None:
        """Add a file's array; None if it is here already and only the file is new."""
        if array is None:
            entry = self._known(sha256)
        else:
            entry = ArrayEntry(self._shard, self._end, array.shape)
            self._arrays.append(array.astype(np.float16, copy=False))
            self._end = entry.end
        self._records.append(record_bytes(key, sha256, entry))
        if self._end >= self._most:
            self.commit()
            self._shard, self._end = self._shard + 1, 0

    def _known(self, sha256: str) -> ArrayEntry:
        """Place of an array that a worker has found, perhaps among those committed since."""
        record = self._index.find_content(sha256)
        if record < 0:
            self._index = Index(self._folder)
            record = self._index.find_content(sha256)
        if record < 0:
            raise ValueError(f"{self._folder}: holds nothing of a file with sha256 {sha256}")
        return self._index.entry(record)

    def commit(self) -> None:
        """Write what was added: first the arrays, then the records that speak of them."""
        if self._arrays:
            begin = self._end - sum(array.size for array in self._arrays)
            with _appending(shard_file(self._folder, self._shard), begin * BYTES) as shard:
                shard.writelines(array.tobytes() for array in self._arrays)
        if self._records:
            with _appending(self._folder / INDEX, self._index_bytes) as index:
                index.writelines(self._records)
                self._index_bytes = index.tell()
        self._arrays.clear()
        self._records.clear()


@contextmanager
def _appending(file: Path, position: int) -> Iterator[BinaryIO]:
    """Write on from a position; whatever stood behind it was not in the index."""
    with file.open("r+b" if file.is_file() else "w+b") as opened:
        opened.truncate(position)
        opened.seek(position)
        yield opened
        opened.flush()
        os.fsync(opened.fileno())
