"""Index of a cache: which array is a file's, in one memory-mapped file that all ranks share.

`index.bin` holds records of 72 bytes one after another, written after the arrays that they speak
of; a last one that was not written to its end is no record. In memory there are only the sorted
keys, 12 bytes an array.
"""

import hashlib
import json
import math
from collections.abc import Iterable
from functools import cached_property
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from filelock import FileLock

from edge.contract.arrays import Array, Flags, Int64s, Places
from edge.contract.atomic import write_atomic

INDEX, FORMER = "index.bin", "index.jsonl"
CONVERTING = "index.lock"
BYTES = 2
"""Of a number."""
_MOST_AXES = 4
RECORD = np.dtype(
    [
        ("key", "<u8"),
        ("sha256", "<u8", 4),
        ("offset", "<u8"),
        ("shard", "<u4"),
        ("axes", "<u4"),
        ("shape", "<u4", _MOST_AXES),
    ]
)


class ArrayEntry(NamedTuple):
    """Place of an array."""

    shard: int
    offset: int
    """In numbers, not bytes."""
    shape: tuple[int, ...]

    @property
    def end(self) -> int:
        """Offset of the next array."""
        return self.offset + math.prod(self.shape)


class Index:
    """Records of a folder as they were when it was opened.

    Args:
        folder: may be missing.
    """

    def __init__(self, folder: Path) -> None:
        _converted(folder)
        self._folder, file = folder, folder / INDEX
        count = file.stat().st_size // RECORD.itemsize if file.is_file() else 0
        self._records: Array = (
            np.memmap(file, RECORD, "r", shape=count) if count else np.empty(0, RECORD)
        )
        self.end, whole = self._ends()
        """Shard and offset at which the next array is written."""
        keys = self._records["key"][whole]
        order = np.argsort(keys, kind="stable")
        self._keys, self._order = keys[order], np.flatnonzero(whole)[order].astype(np.uint32)

    def __len__(self) -> int:
        return len(self._keys)

    @property
    def file_bytes(self) -> int:
        """Length of the whole records in the file."""
        return self._records.nbytes

    def find(self, numbers: Array) -> Int64s:
        """Records of files by `key_number`, uint64[n]: int64[n], -1 for one that has no array."""
        return _found(self._keys, self._order, numbers)

    def find_content(self, sha256: str) -> int:
        """A record of a file of these bytes; -1 if there is none."""
        words = _words(sha256)
        at = int(_found(*self._by_content, words[:1])[0])
        return at if at >= 0 and np.array_equal(self._records["sha256"][at], words) else -1

    def entry(self, record: int) -> ArrayEntry:
        """A record's array."""
        row = self._records[record]
        shape = tuple(int(size) for size in row["shape"][: row["axes"]])
        return ArrayEntry(int(row["shard"]), int(row["offset"]), shape)

    def sha256(self, record: int) -> str:
        """Of the file that a record's array was made from."""
        return bytes(self._records["sha256"][record].tobytes()).hex()

    def lengths(self, records: Places) -> Int64s:
        """int64[n]: the first axis of records' arrays; 0 where the record is -1."""
        known = self._records["shape"][:, 0] if len(self._records) else np.zeros(1, np.uint32)
        return np.where(records < 0, 0, known[records]).astype(np.int64)

    @cached_property
    def _by_content(self) -> tuple[Array, Array]:
        first = self._records["sha256"][self._order, 0]
        order = np.argsort(first, kind="stable")
        return first[order], self._order[order]

    def _ends(self) -> tuple[tuple[int, int], Flags]:
        """Place of the next array, and bool[records]: whose arrays are there to their end."""
        records = self._records
        if not len(records):
            return (0, 0), np.zeros(0, bool)
        shards, sizes = records["shard"], np.ones(len(records), np.uint64)
        for axis in range(_MOST_AXES):
            sizes *= np.where(axis < records["axes"], records["shape"][:, axis], 1).astype(
                np.uint64
            )
        ends, last = records["offset"] + sizes, int(shards.max())
        lengths = np.array([shard_length(self._folder, n) for n in range(last + 1)], np.uint64)
        whole = ends <= lengths[shards]
        # A shard that lost its end, as in a power cut, is never written to again.
        end = (last, int(ends[shards == last].max())) if whole.all() else (last + 1, 0)
        return end, whole


def shard_file(folder: Path, shard: int) -> Path:
    """Path of a shard."""
    return folder / f"shard-{shard:05d}.f16"


def shard_length(folder: Path, shard: int) -> int:
    """Numbers in a shard."""
    file = shard_file(folder, shard)
    return file.stat().st_size // BYTES if file.is_file() else 0


def key_number(key: str) -> int:
    """A file's key as the index has it."""
    return int.from_bytes(hashlib.sha256(key.encode()).digest()[:8], "little")


def key_numbers(keys: Iterable[str]) -> Array:
    """uint64[n]: `key_number` of each."""
    return np.fromiter(map(key_number, keys), np.uint64)


def record_bytes(key: str, sha256: str, entry: ArrayEntry) -> bytes:
    """A record as it is appended."""
    row = np.zeros(1, RECORD)
    row["key"], row["sha256"] = key_number(key), _words(sha256)
    row["shard"], row["offset"], row["axes"] = entry.shard, entry.offset, len(entry.shape)
    row["shape"][0, : len(entry.shape)] = entry.shape
    return row.tobytes()


def _words(sha256: str) -> Array:
    """uint64[4]."""
    return np.frombuffer(bytes.fromhex(sha256), "<u8")


def _found(keys: Array, records: Array, wanted: Array) -> Int64s:
    """Record of each wanted key, the last one of several; -1 where there is none."""
    if not len(keys):
        return np.full(len(wanted), -1, np.int64)
    at = np.maximum(np.searchsorted(keys, wanted, "right"), 1) - 1
    return np.where(keys[at] == wanted, records[at].astype(np.int64), -1)


def _converted(folder: Path) -> None:
    """Rewrite an index of JSON lines, as caches had it before."""
    former = folder / FORMER
    if not former.is_file() or (folder / INDEX).exists():
        return
    with FileLock(folder / CONVERTING):
        if not (folder / INDEX).exists():  # another rank may have been first
            _convert(folder, former)


def _convert(folder: Path, former: Path) -> None:
    content = former.read_bytes()
    lines = [json.loads(line) for line in content[: content.rfind(b"\n") + 1].splitlines()]
    entries = {line["sha256"]: _entry(line) for line in lines if "shard" in line}
    records = [
        record_bytes(line["file"], line["sha256"], entries[line["sha256"]])
        for line in lines
        if line.get("file") and line["sha256"] in entries
    ]
    write_atomic(folder / INDEX, b"".join(records))
    former.unlink(missing_ok=True)


def _entry(line: dict[str, Any]) -> ArrayEntry:
    return ArrayEntry(line["shard"], line["offset"], tuple(line["shape"]))
