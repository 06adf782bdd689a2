"""Arrays that are computed once a recording and kept on disk."""

import hashlib
import logging
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from tqdm import tqdm

from edge.contract.bundle import npy_bytes, write_atomic
from edge.contract.errors import AudioError
from train.dataset import Item

_LOG = logging.getLogger(__name__)
Array = npt.NDArray[Any]


def load_each(
    items: Sequence[Item], folder: Path, compute: Callable[[Item], Array]
) -> list[Array | None]:
    """An array a recording, in order; None for one that is unreadable, which is named.

    Args:
        items: recordings; what was kept is found by path, size and time.
        folder: of the cache, one for each kind of array.
        compute: makes what is missing; may raise AudioError.
    """
    places = [_place(one, folder) for one in items]
    missing = [n for n, place in enumerate(places) if not place.is_file()]
    for n in tqdm(missing, folder.name, disable=None):
        _compute(items[n], places[n], compute)
    return [np.load(one, allow_pickle=False) if one.is_file() else None for one in places]


def _compute(item: Item, place: Path, compute: Callable[[Item], Array]) -> None:
    try:
        array = compute(item)
    except AudioError as error:
        _LOG.warning("%s; skipped", error)
        return
    place.parent.mkdir(parents=True, exist_ok=True)
    write_atomic(place, npy_bytes(array))


def _place(item: Item, folder: Path) -> Path:
    stat = item.path.stat() if item.path.is_file() else None
    key = f"{item.path.resolve()} {stat and (stat.st_size, stat.st_mtime_ns)}"
    return folder / f"{hashlib.sha256(key.encode()).hexdigest()[:24]}.npy"
