"""Rows of many pictures from a Ray cluster: opened by its cores, embedded by its GPUs or cores.

The pictures lie where every machine finds them by the same path. The rows come back to the process
that asked, which alone keeps them, as at home: a build that was interrupted goes on. Its arithmetic
is that of the workers, so that GPUs are used if it has one itself.
"""

import logging
import pickle
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from edge.analysis.ray_cluster import RayCluster
from edge.contract.errors import PictureError
from edge.recognition.picture_cache import PictureCache, PictureRow
from edge.recognition.picture_rows import file_key
from edge.recognition.pictures import difference_hash, open_picture, thumbnail
from gallery.embedding import BATCH, kept_rows, missing
from gallery.records import PictureRecord

if TYPE_CHECKING:
    from gallery.teacher import Teacher

_LOG = logging.getLogger(__name__)
_PATH, _OPENED, _RESULT = "path", "opened", "result"
Prepare = Callable[[Any], Any]


def embedded_by_ray(
    records: Sequence[PictureRecord],
    teacher: "Teacher",
    cache: PictureCache,
    keep: Callable[[bytes, bytes], object],
    address: str,
    count: int | None = None,
) -> list[tuple[PictureRecord, PictureRow]]:
    """The readable ones of some pictures with their rows, as `gallery.embedding.embedded` has them.

    Args:
        records: of the pictures.
        teacher: goes to the workers.
        cache: of the teacher.
        keep: is given key and thumbnail of each picture that was opened.
        address: of the cluster, as `edge.analysis.ray_cluster.RayCluster` has it.
        count: of workers at most; None: one for each core, or each GPU, of the cluster.

    Raises:
        MissingPackageError: Ray is not installed.
        ConfigError: no cluster answers there.
        BirdlistenError: the cluster has failed; rows that were kept are not embedded again.
        DatasetError: not one picture is readable.
    """
    from tqdm import tqdm

    keys, left = missing(records, cache)
    rows = [{_PATH: str(record.path.absolute())} for record in left.values()]
    if rows:
        with RayCluster(address, count) as cluster:
            opener = partial(open_row, teacher.preprocess)
            on_gpus = teacher.arithmetic != "fp32"
            found = cluster.staged(
                rows, opener, EmbeddingWorker, teacher, batch=BATCH, on_gpus=on_gpus
            )
            for batch in _batches(tqdm(found, "pictures", len(rows), disable=None)):
                for picture, small in batch:
                    keep(picture.key, small)
                cache.put([picture for picture, _ in batch])
    for key, record in left.items():
        if cache.get(key) is None:
            _name(record)
    return kept_rows(records, keys, cache)


def open_row(prepare: Prepare, row: dict[str, Any]) -> list[dict[str, Any]]:
    """A picture as the teacher is fed it, with key, look and thumbnail; none if it's unreadable."""
    path = Path(row[_PATH])
    try:
        image = open_picture(path)
        told = file_key(path), difference_hash(image), thumbnail(image)
    except PictureError:
        return []
    return [{_OPENED: pickle.dumps((*told, prepare(image)))}]


class EmbeddingWorker:
    """Actor that embeds a batch at a time.

    Args:
        teacher: embeds.
    """

    def __init__(self, teacher: "Teacher") -> None:
        self._teacher = teacher

    def __call__(self, batch: dict[str, Any]) -> dict[str, Any]:
        """The batch's pictures with their rows, and the thumbnails."""
        opened = [pickle.loads(content) for content in batch[_OPENED]]
        rows = self._teacher.embed_batch([planes for *_, planes in opened]).astype("float16")
        results = [
            pickle.dumps((PictureRow(key, look, row), small))
            for (key, look, small, _), row in zip(opened, rows, strict=True)
        ]
        return {_RESULT: np.array(results, object)}


def _batches(rows: Iterable[dict[str, Any]]) -> Iterator[list[tuple[PictureRow, bytes]]]:
    """As many at a time as are kept in one step."""
    held: list[tuple[PictureRow, bytes]] = []
    for row in rows:
        held.append(pickle.loads(row[_RESULT]))
        if len(held) == BATCH:
            yield held
            held = []
    yield held


def _name(record: PictureRecord) -> None:
    """Tell why a picture was left out, by looking at it here."""
    try:
        open_picture(record.path)
    except PictureError as error:
        _LOG.warning("%s; skipped", error)
    else:
        _LOG.warning("%s: no worker could open it; skipped", record.path)
