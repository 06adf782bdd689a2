"""Arrays that are computed once a recording, by all cores, and kept (train/sound/shards.py)."""

import hashlib
import logging
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

from edge.contract.arrays import Array
from edge.contract.errors import AudioError
from gallery.data.dataset import Item
from train.engine.progress import progress
from train.sound.cores import over_cores
from train.sound.index import Index
from train.sound.shards import KeptArrays, Shards, ShardWriter

_LOG = logging.getLogger(__name__)
_WAVE = 512
"""Recordings after which what was computed is committed."""


@dataclass(frozen=True)
class Computed:
    """Result of one recording."""

    sha256: str
    """Of the file."""
    array: Array | None
    """None if it was known already, or can't be computed."""
    problem: str = ""


@dataclass(frozen=True)
class Job:
    """Job that is done with every recording."""

    compute: Callable[[Item], Array]
    folder: Path
    """Of the cache: a file of the same bytes needs no array of its own."""

    def __call__(self, item: Item) -> Computed:
        """Hash one, and compute its array if it is not known."""
        try:
            sha256 = item_content(item)
            is_known = self._index.find_content(sha256) >= 0
            return Computed(sha256, None if is_known else self.compute(item))
        except (AudioError, OSError) as error:
            return Computed("", None, str(error))

    @cached_property
    def _index(self) -> Index:
        return Index(self.folder)


def load_each(items: Sequence[Item], folder: Path, compute: Callable[[Item], Array]) -> KeptArrays:
    """An array a recording, in order; None for one that is unreadable, which is named.

    Args:
        items: recordings. One that was moved or copied is found again by its bytes.
        folder: of the cache, one for each kind of array.
        compute: makes what is missing, float16; may raise AudioError. It goes to other processes.

    Returns:
        Memory-mapped arrays.
    """
    found = Shards(folder).arrays(map(item_key, items))
    if found.present.all():
        return found
    shards = Shards(folder)
    with shards.writing() as writer:
        missing, job = missing_items(items, shards), Job(compute, folder)
        with over_cores(job, len(missing)) as over:
            computed = over(missing.values())
            fill(writer, missing, progress(computed, folder.name, len(missing)))
    return shards.arrays(map(item_key, items))


def load_batches(
    keys: Sequence[str],
    folder: Path,
    compute: Callable[[Sequence[int]], Iterable[Array | None]],
    batch: int,
) -> KeptArrays:
    """An array a key, in order, computed in this process, some at a time: what a model makes.

    Args:
        keys: of the things; the same key, the same array.
        folder: of the cache.
        compute: places of some keys -> their arrays; None for a thing that has none.
        batch: how many at a time; they are kept when the next ones begin.
    """
    shards = Shards(folder)
    if not shards.arrays(keys).present.all():
        with shards.writing() as writer:
            missing = [n for n, known in enumerate(shards.arrays(keys).present) if not known]
            bar = progress((), folder.name, len(missing))
            for begin in range(0, len(missing), batch):
                places = missing[begin : begin + batch]
                for place, array in zip(places, compute(places), strict=True):
                    if array is not None:
                        content = hashlib.sha256(keys[place].encode()).hexdigest()
                        writer.add(keys[place], content, array)
                writer.commit()
                bar.update(len(places))
            bar.close()
    return shards.arrays(keys)


def contents(items: Sequence[Item], folder: Path) -> list[str]:
    """sha256 of each recording that `load_each` has read, in order; empty where it could not."""
    shards = Shards(folder)
    return [shards.sha256(item_key(item)) for item in items]


def item_key(item: Item) -> str:
    """Key that tells a recording, or a part of one, from others."""
    return f"{file_key(item.path)}{_part(item)}"


def item_content(item: Item) -> str:
    """sha256 of a recording's file, or what stands for it where an item is a part of one."""
    with item.path.open("rb") as file:
        if item.span:
            file.seek(item.span[0])
            sha256 = hashlib.sha256(file.read(item.span[1] - item.span[0])).hexdigest()
        else:
            sha256 = hashlib.file_digest(file, "sha256").hexdigest()
    part = _part(replace(item, span=None))
    return hashlib.sha256(f"{sha256}{part}".encode()).hexdigest() if part else sha256


def file_key(path: Path) -> str:
    """Key that tells a file from others, and from what it was before it changed."""
    stat = path.stat() if path.is_file() else None
    text = f"{path.resolve()} {stat and (stat.st_size, stat.st_mtime_ns)}"
    return hashlib.sha256(text.encode()).hexdigest()[:24]


def _part(item: Item) -> str:
    return "" if item.is_whole else f" {item.begin_s}-{item.end_s} {item.span}"


def missing_items(items: Sequence[Item], shards: Shards) -> dict[str, Item]:
    """Recordings that have no array, by their keys."""
    present = shards.arrays(map(item_key, items)).present
    return {item_key(item): item for item, known in zip(items, present, strict=True) if not known}


def fill(writer: ShardWriter, missing: dict[str, Item], found: Iterable[Computed]) -> None:
    """Write what was computed for some recordings, in their order; the problems are told."""
    for n, (key, array) in enumerate(zip(missing, found, strict=True), start=1):
        if array.problem:
            _LOG.warning("%s; skipped", array.problem)
        else:
            writer.add(key, array.sha256, array.array)
        if n % _WAVE == 0:
            writer.commit()
