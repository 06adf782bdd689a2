"""Overlay of a station: sounds that were confirmed, and its own background.

    overlay/<model>/exemplars/<species_id>/<name>.npy     float16[windows, dim]
    overlay/<model>/background/<name>.npy                 float16[windows, dim]
    overlay/<model>/rejected/<name>.npy                   float16[windows, dim]

Embeddings of one encoder mean nothing to another, so each has a folder of its own. Deleting a file
takes back what it taught; the bundle stays as it was shipped.
"""

import logging
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from edge.contract.arrays import Float16s
from edge.contract.bundle import npy_bytes, write_atomic
from edge.contract.gallery import check_unit_rows

_LOG = logging.getLogger(__name__)
FOLDER = "overlay"
_EXEMPLARS, _BACKGROUND, _REJECTED = "exemplars", "background", "rejected"
_MODEL = 16
"""Characters of a model's id that tell it from others."""


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
        self._path, self._dim = station / FOLDER / model_id[:_MODEL], dim
        self._seen: tuple[tuple[str, int], ...] = ()

    def add_exemplar(self, species_id: str, name: str, rows: Float16s) -> None:
        """Remember a sound of a species; float16[windows, dim]."""
        _write(self._path / _EXEMPLARS / species_id / f"{name}.npy", rows)

    def add_background(self, name: str, rows: Float16s) -> None:
        """Remember what the site sounds like without a bird; float16[windows, dim]."""
        _write(self._path / _BACKGROUND / f"{name}.npy", rows)

    def add_rejected(self, name: str, rows: Float16s) -> None:
        """Remember a sound that was taken for a bird; float16[windows, dim]."""
        _write(self._path / _REJECTED / f"{name}.npy", rows)

    def forget(self, name: str) -> bool:
        """Take back all that goes by a name; whether there was anything."""
        found = [file for file in self._files() if file.stem == name]
        for file in found:
            file.unlink(missing_ok=True)
        return bool(found)

    def changed(self) -> bool:
        """True if anything was added or taken back since the last `load`; costs some microseconds.

        Files are written beside and renamed, so that a change shows in their folder's time.
        """
        return self._state() != self._seen

    def load(self) -> Learnt:
        """All of it; a file that can't be used is named and left out."""
        self._seen = self._state()
        held: dict[str, list[Float16s]] = {}
        for path, rows in self._readable():
            held.setdefault(path.parent.relative_to(self._path).as_posix(), []).append(rows)
        joined = {folder: np.concatenate(rows) for folder, rows in held.items()}
        site, rejected = joined.pop(_BACKGROUND, None), joined.pop(_REJECTED, None)
        known = [bank for bank in (site, rejected) if bank is not None]
        exemplars = {Path(folder).name: rows for folder, rows in joined.items()}
        return Learnt(exemplars, np.concatenate(known) if known else None, rejected)

    def _files(self) -> list[Path]:
        folders = (f"{_EXEMPLARS}/*", _BACKGROUND, _REJECTED)
        return [file for folder in folders for file in sorted(self._path.glob(f"{folder}/*.npy"))]

    def _readable(self) -> Iterator[tuple[Path, Float16s]]:
        for path in self._files():
            try:
                rows = np.load(path, allow_pickle=False)
                check_unit_rows(rows, str(path), self._dim)
            except (OSError, ValueError, EOFError) as error:
                _LOG.warning("%s: not embeddings of this encoder, left out (%s)", path, error)
            else:
                yield path, rows

    def _state(self) -> tuple[tuple[str, int], ...]:
        folders = [folder for folder, _, _ in os.walk(self._path)]
        return tuple(
            (folder, Path(folder).stat().st_mtime_ns) for folder in folders if Path(folder).exists()
        )


def _write(path: Path, rows: Float16s) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    write_atomic(path, npy_bytes(rows))
