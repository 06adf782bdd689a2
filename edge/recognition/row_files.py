"""Files of embeddings in folders that anybody may write to.

A file is read when it is new or has changed. One that can't be used is told once and left out.
"""

import logging
import os
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from edge.contract.arrays import Float16s
from edge.contract.errors import BundleError
from edge.contract.gallery import check_unit_rows
from edge.contract.npy import read_rows
from edge.system.throttle import RateLimitedLog, reason

_LOG = logging.getLogger(__name__)
_MOST_WATCHED = 256
"""Files left out that `changed` looks at; more are tried with any other change."""
_Signature = tuple[int, ...] | None


@dataclass(frozen=True)
class _Seen:
    """A file as it was read."""

    signature: _Signature
    rows: Float16s
    """float16[rows, dim]."""


class _FormerRows(Exception):
    """A file holds rows of the former width."""


class RowFiles:
    """Embeddings in the files of some folders.

    Args:
        dim: of the embeddings.
        former_dim: of those that were kept before, which mean nothing now: they are left out, and
            only counted; None without any.
    """

    def __init__(self, dim: int, former_dim: int | None = None) -> None:
        self._dim, self._former_dim, self._tell = dim, former_dim, RateLimitedLog(_LOG)
        self.former: set[str] = set()
        """Names of files of `former_dim` since `begin`."""
        self._folders: dict[Path, _Signature] = {}
        self._files: dict[str, _Seen] = {}
        self._faulty: dict[Path, _Signature] = {}
        self._before, self._told = self._files, self._faulty

    def begin(self) -> None:
        """Look at all folders anew: they are those that are asked for from now on."""
        self._folders, self.former = {}, set()
        self._before, self._files = self._files, {}
        self._told, self._faulty = self._faulty, {}

    def changed(self) -> bool:
        """True if a folder has changed since, or a file that couldn't be used.

        Files are written beside and renamed, so that a change shows in their folder's time; one
        that was left out may be mended in place.
        """
        watched = (*self._folders.items(), *islice(self._faulty.items(), _MOST_WATCHED))
        return any(_signature(path) != seen for path, seen in watched)

    def folders(self, folder: Path) -> list[str]:
        """Names of what lies in a folder, sorted."""
        return [entry.name for entry in self._entries(folder)]

    def named(self, folder: Path) -> dict[str, Float16s]:
        """Rows of all files of a folder that can be used, float16[rows, dim], by their names."""
        arrays = [entry for entry in self._entries(folder) if entry.name.endswith(".npy")]
        found = {entry.name.removesuffix(".npy"): self._seen(entry) for entry in arrays}
        return {name: seen.rows for name, seen in found.items() if seen is not None}

    def _seen(self, entry: "os.DirEntry[str]") -> _Seen | None:
        """The file as it is now; None if it can't be used."""
        signature, seen = _signature(entry), self._before.get(entry.path)
        try:
            if seen is None or seen.signature != signature:
                seen = _Seen(signature, self._read(Path(entry.path)))
        except FileNotFoundError:
            return None  # taken back just now
        except _FormerRows:
            self.former.add(entry.name.removesuffix(".npy"))
            return None
        except Exception as error:
            self._leave_out(Path(entry.path), signature, error)
            return None
        self._files[entry.path] = seen
        return seen

    def _read(self, path: Path) -> Float16s:
        rows = read_rows(path)
        if self._former_dim is not None and rows.shape[1:] == (self._former_dim,):
            raise _FormerRows
        check_unit_rows(rows, "its rows", self._dim)
        if not len(rows):
            raise BundleError("holds no rows")
        return rows

    def _entries(self, folder: Path) -> "list[os.DirEntry[str]]":
        """Files and folders in a folder but hidden ones, sorted; the folder is watched."""
        self._folders[folder] = signature = _signature(folder)
        try:
            with os.scandir(folder) as entries:
                shown = [entry for entry in entries if not entry.name.startswith(".")]
        except FileNotFoundError:
            return []
        except OSError as error:
            self._leave_out(folder, signature, error)
            return []
        return sorted(shown, key=lambda entry: entry.name)

    def _leave_out(self, path: Path, signature: _Signature, error: Exception) -> None:
        self._faulty[path] = signature
        if path not in self._told or self._told[path] != signature:
            self._tell(f"{path}: {reason(error)}; left out")


def _signature(path: "Path | os.DirEntry[str]") -> _Signature:
    """Figures that change with a file or folder; None if there is none."""
    try:
        status = path.stat()
    except (OSError, ValueError):
        return None
    return status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns
