"""Overlay of a station: sounds that were confirmed, and its own background.

    overlay/<model>/exemplars/<species_id>/<name>.npy     float16[windows, dim]
    overlay/<model>/background/<name>.npy                 float16[windows, dim]
    overlay/<model>/rejected/<name>.npy                   float16[windows, dim]

Embeddings of one encoder mean nothing to another, so each has a folder of its own. Deleting a file
takes back what it taught; the bundle stays as it was shipped. Anybody may write here, and a card
may be damaged: what can't be used is told and left out, until it changes.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from edge.contract.arrays import Float16s
from edge.contract.bundle import npy_bytes, write_atomic
from edge.contract.paths import inside
from edge.recognition.row_files import RowFiles

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
        self._path = inside(station / FOLDER, model_id[:_MODEL])
        self._content = RowFiles(dim)

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

    def exemplars(self, species_id: str) -> list[str]:
        """Names of the exemplars of a species, sorted."""
        return sorted(
            file.stem for file in inside(self._path, _EXEMPLARS, species_id).glob("*.npy")
        )

    def changed(self) -> bool:
        """True if anything was added, taken back or mended since the last `load`.

        Costs some microseconds, however much there is.
        """
        return self._content.changed()

    def load(self) -> Learnt:
        """All of it; a file that can't be used is told, once, and left out."""
        content = self._content
        content.begin()
        content.folders(self._path)
        held = {
            species_id: content.rows(self._path / _EXEMPLARS / species_id)
            for species_id in content.folders(self._path / _EXEMPLARS)
        }
        exemplars = {species_id: rows for species_id, rows in held.items() if rows is not None}
        site, rejected = (content.rows(self._path / name) for name in (_BACKGROUND, _REJECTED))
        known = [bank for bank in (site, rejected) if bank is not None]
        return Learnt(exemplars, np.concatenate(known) if known else None, rejected)

    def _files(self) -> list[Path]:
        folders = (f"{_EXEMPLARS}/*", _BACKGROUND, _REJECTED)
        return [file for folder in folders for file in sorted(self._path.glob(f"{folder}/*.npy"))]


def _write(path: Path, rows: Float16s) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    write_atomic(path, npy_bytes(rows))
