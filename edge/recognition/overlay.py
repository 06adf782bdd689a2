"""Overlay of a station: sounds that were confirmed, and its own background.

    overlay/<model>/exemplars/<species_id>/<name>.npy     float16[windows, dim]
    overlay/<model>/background/<name>.npy                 float16[windows, dim]
    overlay/<model>/rejected/<name>.npy                   float16[windows, dim]

Embeddings of one encoder mean nothing to another, so each has a folder of its own. Deleting a file
takes back what it taught; the bundle stays as it was shipped. Anybody may write here, and a card
may be damaged: what can't be used is told and left out, until it changes.
"""

import logging
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from edge.contract.arrays import Float16s
from edge.contract.bundle import npy_bytes, write_atomic
from edge.contract.errors import BundleError
from edge.contract.gallery import check_unit_rows
from edge.contract.npy import read_rows
from edge.contract.paths import inside
from edge.system.throttle import RateLimitedLog, reason

_LOG = logging.getLogger(__name__)
FOLDER = "overlay"
_EXEMPLARS, _BACKGROUND, _REJECTED = "exemplars", "background", "rejected"
_MODEL = 16
"""Characters of a model's id that tell it from others."""
_MOST_WATCHED = 256
"""Files left out that are looked at again with every window; more are with any other change."""
_Signature = tuple[int, ...] | None


@dataclass(frozen=True)
class Learnt:
    """Content of an overlay."""

    exemplars: Mapping[str, Float16s] = field(default_factory=dict)
    """float16[windows, dim] by species id."""
    background: Float16s | None = None
    """float16[windows, dim], what was rejected included."""
    rejected: Float16s | None = None
    """float16[windows, dim]."""


class Overlay:
    """The overlay of one encoder at one station.

    Args:
        station: the station's folder.
        model_id: of the encoder.
        dim: of its embeddings.
    """

    def __init__(self, station: Path, model_id: str, dim: int) -> None:
        self._path, self._dim = inside(station / FOLDER, model_id[:_MODEL]), dim
        self._folders: dict[Path, _Signature] = {}
        self._faulty: dict[Path, _Signature] = {}
        self._told: dict[Path, _Signature] = {}
        self._tell = RateLimitedLog(_LOG)

    def add_exemplar(self, species_id: str, name: str, rows: Float16s) -> None:
        """Remember a sound of a species; float16[windows, dim]."""
        _write(inside(self._path, _EXEMPLARS, species_id, f"{name}.npy"), rows)

    def add_background(self, name: str, rows: Float16s) -> None:
        """Remember what the site sounds like without a bird; float16[windows, dim]."""
        _write(inside(self._path, _BACKGROUND, f"{name}.npy"), rows)

    def add_rejected(self, name: str, rows: Float16s) -> None:
        """Remember a sound that was taken for a bird; float16[windows, dim]."""
        _write(inside(self._path, _REJECTED, f"{name}.npy"), rows)

    def forget(self, name: str) -> bool:
        """Take back all that goes by a name; whether there was anything."""
        found = [file for file in self._files() if file.stem == name]
        for file in found:
            file.unlink(missing_ok=True)
        return bool(found)

    def changed(self) -> bool:
        """True if anything was added or taken back since the last `load`; costs some microseconds.

        Files are written beside and renamed, so that a change shows in their folder's time. Those
        that were left out may be mended in place.
        """
        watched = (*self._folders.items(), *list(self._faulty.items())[:_MOST_WATCHED])
        return any(_signature(path) != seen for path, seen in watched)

    def load(self) -> Learnt:
        """All of it; a file that can't be used is told, once, and left out."""
        self._told, self._faulty = self._faulty, {}
        self._folders = {self._path: _signature(self._path)}
        exemplars = self._exemplars()
        site, rejected = (self._rows(self._path / name) for name in (_BACKGROUND, _REJECTED))
        known = [bank for bank in (site, rejected) if bank is not None]
        return Learnt(exemplars, np.concatenate(known) if known else None, rejected)

    def _exemplars(self) -> dict[str, Float16s]:
        folders = self._entries(self._path / _EXEMPLARS)
        held = {folder.name: self._rows(folder) for folder in folders}
        return {species: rows for species, rows in held.items() if rows is not None}

    def _rows(self, folder: Path) -> Float16s | None:
        """Rows of all files of a folder that can be used; None if there are none."""
        held = list(self._readable(folder))
        return np.concatenate(held) if held else None

    def _readable(self, folder: Path) -> Iterator[Float16s]:
        for path in self._entries(folder):
            if path.suffix != ".npy":
                continue
            seen = _signature(path)
            try:
                rows = self._checked(path)
            except FileNotFoundError:
                continue  # taken back just now
            except Exception as error:
                self._leave_out(path, seen, error)
            else:
                yield rows

    def _checked(self, path: Path) -> Float16s:
        rows = read_rows(path)
        check_unit_rows(rows, "its rows", self._dim)
        if not len(rows):
            raise BundleError("holds no rows")
        return rows

    def _entries(self, folder: Path) -> list[Path]:
        """Files and folders in a folder, sorted; from now on a change of it is noticed."""
        self._folders[folder] = seen = _signature(folder)
        try:
            return sorted(path for path in folder.iterdir() if not path.name.startswith("."))
        except FileNotFoundError:
            return []
        except OSError as error:
            self._leave_out(folder, seen, error)
            return []

    def _leave_out(self, path: Path, seen: _Signature, error: Exception) -> None:
        self._faulty[path] = seen
        if path not in self._told or self._told[path] != seen:
            self._tell(f"{path}: {reason(error)}; left out")

    def _files(self) -> list[Path]:
        folders = (f"{_EXEMPLARS}/*", _BACKGROUND, _REJECTED)
        return [file for folder in folders for file in sorted(self._path.glob(f"{folder}/*.npy"))]


def _signature(path: Path) -> _Signature:
    """Figures that change with a file or folder; None if there is none."""
    try:
        status = path.stat()
    except (OSError, ValueError):
        return None
    return status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns


def _write(path: Path, rows: Float16s) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    write_atomic(path, npy_bytes(rows))
