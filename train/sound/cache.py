"""Arrays that are computed once a recording, by all cores, and kept (train/sound/shards.py)."""

import hashlib
import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from edge.contract.arrays import Array
from edge.contract.errors import AudioError
from gallery.data.dataset import Item
from train.engine.progress import progress
from train.sound.cores import over_cores
from train.sound.shards import Shards, ShardWriter

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
    known: frozenset[str]
    """sha256 of files whose arrays are kept already."""

    def __call__(self, item: Item) -> Computed:
        """Hash one, and compute its array if it is not known."""
        try:
            sha256 = hashlib.sha256(item.path.read_bytes()).hexdigest()
            return Computed(sha256, None if sha256 in self.known else self.compute(item))
        except (AudioError, OSError) as error:
            return Computed("", None, str(error))


def load_each(
    items: Sequence[Item], folder: Path, compute: Callable[[Item], Array]
) -> list[Array | None]:
    """An array a recording, in order; None for one that is unreadable, which is named.

    Args:
        items: recordings. One that was moved or copied is found again by its bytes.
        folder: of the cache, one for each kind of array.
        compute: makes what is missing, float16; may raise AudioError. It goes to other processes.

    Returns:
        Memory-mapped arrays.
    """
    shards = Shards(folder)
    keys = [file_key(item.path) for item in items]
    if any(key not in shards for key in keys):
        with shards.writing() as writer:
            missing = {
                key: item for key, item in zip(keys, items, strict=True) if key not in shards
            }
            _fill(writer, missing, Job(compute, shards.known), folder.name)
    return [shards.get(key) for key in keys]


def contents(items: Sequence[Item], folder: Path) -> list[str]:
    """sha256 of each recording that `load_each` has read, in order; empty where it could not."""
    shards = Shards(folder)
    return [shards.sha256(file_key(item.path)) for item in items]


def file_key(path: Path) -> str:
    """Key that tells a file from others, and from what it was before it changed."""
    stat = path.stat() if path.is_file() else None
    text = f"{path.resolve()} {stat and (stat.st_size, stat.st_mtime_ns)}"
    return hashlib.sha256(text.encode()).hexdigest()[:24]


def _fill(writer: ShardWriter, missing: dict[str, Item], job: Job, title: str) -> None:
    with over_cores(job, len(missing)) as over:
        found = progress(over(missing.values()), title, len(missing))
        for n, (key, array) in enumerate(zip(missing, found, strict=True), start=1):
            if array.problem:
                _LOG.warning("%s; skipped", array.problem)
            else:
                writer.add(key, array.sha256, array.array)
            if n % _WAVE == 0:
                writer.commit()
