"""Rows of many pictures: opened by all cores while the teacher embeds, and none embedded twice."""

import logging
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING, Any, TypeVar

from edge.contract.errors import DatasetError, PictureError
from edge.recognition.picture_cache import PictureCache, PictureRow, cache_path
from edge.recognition.picture_rows import file_key
from edge.recognition.pictures import difference_hash, open_picture
from gallery.records import PictureRecord

if TYPE_CHECKING:
    from PIL import Image

    from gallery.teacher import Teacher

_LOG = logging.getLogger(__name__)
BATCH = 64
_AHEAD = 2 * BATCH
"""Pictures that are opened before the teacher asks for them; they wait as it is fed them."""
_TOLD = 16
"""Characters of a space's id that tell it from others."""
T = TypeVar("T")
R = TypeVar("R")


@dataclass(frozen=True)
class _Opened:
    """A picture as the teacher is fed it."""

    key: bytes
    look: bytes
    planes: Any


def open_cache(teacher: "Teacher") -> PictureCache:
    """The rows that a teacher has given before, in the arithmetic that it has here."""
    name = f"{teacher.space_id[:_TOLD]}-{teacher.arithmetic}"
    return PictureCache(cache_path(name), teacher.dim)


def embedded(
    records: Sequence[PictureRecord],
    teacher: "Teacher",
    cache: PictureCache,
    note: Callable[[bytes, "Image.Image"], object],
) -> list[tuple[PictureRecord, PictureRow]]:
    """The readable ones of some pictures with their rows, in order; others are named.

    A batch is kept as soon as it is embedded. Killed and begun again, the batches that follow are
    those that would have followed, and so are the rows to the last bit.

    Args:
        records: of the pictures.
        teacher: embeds those that the cache has not got.
        cache: of the teacher.
        note: is given the key of each picture that is opened, and the picture; by many threads.

    Raises:
        DatasetError: not one is readable.
    """
    from tqdm import tqdm

    keys, left = missing(records, cache)

    def opened(item: tuple[bytes, PictureRecord]) -> _Opened:
        key, record = item
        image = open_picture(record.path)
        note(key, image)
        return _Opened(key, difference_hash(image), teacher.prepare(image))

    with tqdm(total=len(left), desc="pictures", disable=None) as bar:
        pictures = (picture for _, picture in _done(left.items(), opened))
        while batch := list(islice(pictures, BATCH)):
            rows = teacher.embed_batch([picture.planes for picture in batch]).astype("float16")
            pairs = zip(batch, rows, strict=True)
            cache.put([PictureRow(picture.key, picture.look, row) for picture, row in pairs])
            bar.update(len(batch))
    return kept_rows(records, keys, cache)


def missing(
    records: Sequence[PictureRecord], cache: PictureCache
) -> tuple[list[tuple[PictureRecord, bytes]], dict[bytes, PictureRecord]]:
    """The readable records with the keys of their files, and by key those to embed, in order."""
    keys = list(_done(records, lambda record: file_key(record.path)))
    new = {key: record for record, key in reversed(keys) if cache.get(key) is None}
    return keys, {key: new[key] for _, key in keys if key in new}  # each once


def kept_rows(
    records: Sequence[PictureRecord],
    keys: Sequence[tuple[PictureRecord, bytes]],
    cache: PictureCache,
) -> list[tuple[PictureRecord, PictureRow]]:
    """The records that have a row by now, with it.

    Raises:
        DatasetError: not one has.
    """
    found = [(record, row) for record, key in keys if (row := cache.get(key)) is not None]
    if not found:
        raise DatasetError("none of the pictures is readable; see the lines above")
    if len(found) < len(records):
        _LOG.warning("%d of %d pictures left out", len(records) - len(found), len(records))
    return found


def _done(things: Iterable[T], work: Callable[[T], R]) -> Iterator[tuple[T, R]]:
    """Things with what threads make of them, in order; what can't be used is named and left out."""
    waiting: deque[tuple[T, Future[R]]] = deque()
    left = iter(things)
    with ThreadPoolExecutor() as pool:
        try:
            while True:
                for thing in islice(left, _AHEAD - len(waiting)):
                    waiting.append((thing, pool.submit(work, thing)))
                if not waiting:
                    return
                thing, future = waiting.popleft()
                try:
                    yield thing, future.result()
                except PictureError as error:
                    _LOG.warning("%s; skipped", error)
        finally:
            pool.shutdown(cancel_futures=True)
