"""Cache of embedded pictures, by the hash of their files: none is embedded twice.

A file of records of one length for each tower, which is only appended to. What a killed program has
written in part is cut off when it is opened next: an interrupted build goes on where it was.
"""

import logging
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from edge.contract.arrays import Float16s
from edge.contract.errors import BundleError
from edge.contract.gallery import check_unit_rows
from edge.recognition.duplicates import LOOK_BYTES
from edge.system.folders import user_folder

_LOG = logging.getLogger(__name__)
KEY_BYTES = 32
_PART = 4096
"""Records whose keys are read at a time."""


@dataclass(frozen=True)
class PictureRow:
    """A picture as it is searched for."""

    key: bytes
    """SHA-256 of its file."""
    look: bytes
    """Its difference hash, 16 bytes."""
    row: Float16s
    """float16[dim], unit length."""


class PictureCache:
    """Rows of pictures by a tower.

    Args:
        path: of the file, made if need be; None, or one that can't be written, keeps nothing
            beyond this run.
        dim: of the rows.
    """

    def __init__(self, path: Path | None, dim: int) -> None:
        self._form = np.dtype(
            [("key", "u1", KEY_BYTES), ("look", "u1", LOOK_BYTES), ("row", "<f2", dim)]
        )
        self._places: dict[bytes, int] = {}
        self._held: dict[bytes, PictureRow] = {}
        """Those of this run, where nothing can be kept."""
        self._file: int | None = None
        self._full = False
        try:
            if path is not None:
                path.parent.mkdir(parents=True, exist_ok=True)
                self._file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o666)
                self._read()
        except OSError as error:
            _LOG.debug("no cache of pictures: %s", error)
            self.close()

    def get(self, key: bytes) -> PictureRow | None:
        """The row of a picture that was embedded before, unless it is damaged."""
        place = self._places.get(key)
        if place is None or self._file is None:
            return self._held.get(key)
        size = self._form.itemsize
        content = os.pread(self._file, size, place * size)
        if len(content) != size:
            return None  # another program has cut it
        record = np.frombuffer(content, self._form)
        try:
            check_unit_rows(record["row"], "row")
        except BundleError:
            return None
        return PictureRow(key, record["look"][0].tobytes(), record["row"][0])

    def put(self, pictures: Sequence[PictureRow]) -> None:
        """Keep rows, in one step: if the program is killed now, all of them or none is there."""
        places = self._written(pictures)
        if places is None:
            self._held |= {picture.key: picture for picture in pictures}
        else:
            keys = (picture.key for picture in pictures)
            self._places |= dict(zip(keys, places, strict=True))

    def _written(self, pictures: Sequence[PictureRow]) -> range | None:
        """Places of rows in the file; None if they could not be written, or others came between."""
        records = np.zeros(len(pictures), self._form)
        for record, picture in zip(records, pictures, strict=True):
            record["key"] = np.frombuffer(picture.key, np.uint8)
            record["look"] = np.frombuffer(picture.look, np.uint8)
            record["row"] = picture.row
        if self._file is None or self._full:
            return None
        content = records.tobytes()
        try:
            whole = os.write(self._file, content) == len(content)
        except OSError as error:
            _LOG.debug("no picture is kept any more: %s", error)
            whole = False
        self._full = not whole
        begin = os.fstat(self._file).st_size - len(content)
        if not whole or os.pread(self._file, len(content), begin) != content:
            return None
        first = begin // self._form.itemsize
        return range(first, first + len(pictures))

    def close(self) -> None:
        """Let go of the file."""
        if self._file is not None:
            os.close(self._file)
            self._file = None

    def _read(self) -> None:
        """Note the places of all whole records, and cut off what is behind them."""
        assert self._file is not None
        size = self._form.itemsize
        whole, rest = divmod(os.fstat(self._file).st_size, size)
        if rest:
            os.ftruncate(self._file, whole * size)
        for begin in range(0, whole, _PART):
            part = os.pread(self._file, _PART * size, begin * size)
            keys = np.frombuffer(part[: len(part) // size * size], self._form)["key"]
            self._places |= {key.tobytes(): begin + n for n, key in enumerate(keys)}


def cache_path(tower: str) -> Path | None:
    """File of a tower's rows in the user's cache; None where a user has no home.

    Args:
        tower: tells it from others: its weights, preparation and arithmetic.
    """
    folder = user_folder("XDG_CACHE_HOME", ".cache")
    return None if folder is None else folder / "pictures" / f"{tower}.rows"
