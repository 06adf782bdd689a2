"""Rows of an array in a temporary file, so that a disk holds what memory need not."""

import os
import weakref
from pathlib import Path
from tempfile import TemporaryFile, gettempdir

import numpy as np

from edge.contract.arrays import Array
from edge.contract.errors import DatasetError

_DISK = Path("/var/tmp")
"""In place of /tmp, which is memory on many systems."""


class RowFile:
    """Rows that are appended, and read by slices. The file has no name, and goes with its process.

    It lies in TMPDIR, else in /var/tmp.

    Raises:
        DatasetError: on appending, if the disk is full.
    """

    def __init__(self) -> None:
        self._folder = os.environ.get("TMPDIR") or (_DISK if _DISK.is_dir() else None)
        self._file, self._count = TemporaryFile(dir=self._folder), 0
        weakref.finalize(self, self._file.close)
        self._shape: tuple[int, ...] = (0,)
        self._dtype = np.dtype(np.float32)

    def append(self, rows: Array) -> None:
        """Add rows, [n, ...], of the type and width of those before."""
        if not self._count:
            self._shape, self._dtype = rows.shape[1:], rows.dtype
        assert (rows.shape[1:], rows.dtype) == (self._shape, self._dtype)
        try:
            self._file.seek(0, os.SEEK_END)
            self._file.write(np.ascontiguousarray(rows).tobytes())
            self._file.flush()
        except OSError as error:
            where = self._folder or gettempdir()
            raise DatasetError(
                f"{where}: no room for the windows' rows ({error.strerror}); set TMPDIR to a "
                "folder on a disk with more"
            ) from error
        self._count += len(rows)

    def __len__(self) -> int:
        return self._count

    def __getitem__(self, places: slice) -> Array:
        begin, end, step = places.indices(self._count)
        assert step == 1
        row_bytes = int(np.prod(self._shape)) * self._dtype.itemsize
        self._file.seek(begin * row_bytes)
        content = self._file.read((end - begin) * row_bytes)
        return np.frombuffer(content, self._dtype).reshape(end - begin, *self._shape)
