"""Building the cache of a corpus on a Ray cluster: what is missing, by all of its machines.

The recordings lie where every machine finds them by the same path. The arrays come back to the
process that asked, which alone writes, and commits as at home: an interrupted build goes on.
"""

import pickle
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from tqdm import tqdm

from edge.analysis.ray_cluster import RayCluster
from edge.contract.arrays import Array
from gallery.data.dataset import Item
from train.sound.cache import Computed, Job, fill, missing_items
from train.sound.shards import Shards

_ITEM, _RESULT = "item", "result"


def fill_by_ray(
    items: Sequence[Item],
    folder: Path,
    compute: Callable[[Item], Array],
    address: str,
    count: int | None = None,
) -> None:
    """Compute the arrays that a cache lacks; `train.sound.cache.load_each` reads them then.

    Args:
        items: recordings.
        folder: of the cache.
        compute: as `load_each` has it; goes to the workers.
        address: of the cluster, as `edge.analysis.ray_cluster.RayCluster` has it.
        count: of workers; None: one for each core of the cluster.

    Raises:
        MissingPackageError: Ray is not installed.
        ConfigError: no cluster answers there.
        BirdlistenError: the cluster has failed; what was committed is kept.
    """
    shards = Shards(folder)
    with shards.writing() as writer:
        missing = missing_items(items, shards)
        if not missing:
            return
        job = Job(compute, folder.absolute())
        rows = [{_ITEM: pickle.dumps(_placed(item))} for item in missing.values()]
        with RayCluster(address, count) as cluster:
            found = _results(cluster.mapped(rows, CacheWorker, job))
            fill(writer, missing, tqdm(found, folder.name, len(missing), disable=None))


class CacheWorker:
    """Actor that computes a recording at a time.

    Args:
        job: of all.
    """

    def __init__(self, job: Job) -> None:
        self._job = job

    def __call__(self, row: dict[str, Any]) -> dict[str, Any]:
        """The row's recording with its array, or with why it has none."""
        return {_RESULT: pickle.dumps(self._job(pickle.loads(row[_ITEM])))}


def _results(rows: Iterator[dict[str, Any]]) -> Iterator[Computed]:
    for row in rows:
        yield pickle.loads(row[_RESULT])


def _placed(item: Item) -> Item:
    """With a path that any process of any machine finds."""
    return replace(item, path=item.path.absolute())
