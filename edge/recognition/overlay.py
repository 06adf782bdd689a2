"""Overlay of a station: what it was taught by sounds, and its own background.

    overlay/lessons/<name>.json                           verdicts (`edge.records.lessons`)
    overlay/<model>/exemplars/<species_id>/<name>.npy     float16[windows, sound_dim]
    overlay/<model>/background/<name>.npy                 float16[windows, dim]
    overlay/<model>/rejected/<name>.npy                   of former versions: float16[windows, dim]

Sounds of one encoder mean nothing to another, so each has a folder of its own, and a lesson names
it. Deleting a file takes back what it taught; the bundle stays as it was shipped. Anybody may write
here, and a card may be damaged: what can't be used is told and left out, until it changes.
"""

import base64
import logging
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from edge.contract.arrays import Float16s
from edge.contract.atomic import write_atomic
from edge.contract.bundle import npy_bytes
from edge.contract.errors import BirdlistenError
from edge.contract.gallery import check_unit_rows
from edge.contract.paths import inside
from edge.contract.text import counted
from edge.recognition.row_files import RowFiles
from edge.records.inbox import Lesson
from edge.records.lessons import Given, LessonBook, holding, outdated
from edge.system.throttle import RateLimitedLog

FOLDER = "overlay"
_EXEMPLARS, _BACKGROUND, _REJECTED = "exemplars", "background", "rejected"
_MODEL = 16
"""Characters of a model's id that tell it from others."""


_Sounds = dict[str, list[Float16s]]
_TELL = RateLimitedLog(logging.getLogger(__name__))


@dataclass(frozen=True)
class Learnt:
    """Content of an overlay."""

    exemplars: Mapping[str, Float16s] = field(default_factory=dict)
    """float16[windows, sound_dim] by species id."""
    background: Float16s | None = None
    """float16[windows, dim]."""
    rejected: Float16s | None = None
    """float16[windows, sound_dim]: no bird that is listened for."""
    mistaken: Mapping[str, Float16s] = field(default_factory=dict)
    """float16[windows, sound_dim] that are not that species, by species id."""


class Overlay:
    """The overlay of one encoder at one station.

    Args:
        station: the station's folder.
        model_id: of the encoder.
        dim: of its embeddings.
        sound_dim: of what tells its sounds apart; None: the embeddings do.
    """

    def __init__(
        self, station: Path, model_id: str, dim: int, sound_dim: int | None = None
    ) -> None:
        self._path, self._model = inside(station / FOLDER, model_id[:_MODEL]), model_id
        self._dim = dim if sound_dim is None else sound_dim
        self._former_dim = None if self._dim == dim else dim
        self._sounds, self._sites = RowFiles(self._dim, self._former_dim), RowFiles(dim)
        self._book, self._former = LessonBook(station), 0
        self._heard: dict[str, Float16s | None] = {}
        """Sounds of the lessons that hold, by their names; None of those without any of use."""

    def add_exemplar(self, species_id: str, name: str, rows: Float16s) -> None:
        """Remember a sound of a species; float16[windows, sound_dim]."""
        _write(inside(self._path, _EXEMPLARS, species_id, f"{name}.npy"), rows)

    def add_background(self, name: str, rows: Float16s) -> None:
        """Remember what the site sounds like without a bird; float16[windows, dim]."""
        _write(inside(self._path, _BACKGROUND, f"{name}.npy"), rows)

    def forget(self, name: str) -> bool:
        """Take back all files that go by a name; whether there was any."""
        found = [file for file in self._files() if file.stem == name]
        for file in found:
            file.unlink(missing_ok=True)
        return bool(found)

    def exemplars(self, species_id: str) -> list[str]:
        """Names of the exemplars of a species that lie in files, sorted."""
        return sorted(
            file.stem for file in inside(self._path, _EXEMPLARS, species_id).glob("*.npy")
        )

    def in_files(self) -> list[tuple[str | None, str]]:
        """Sounds in files that no verdict outdates: species id (None: of no bird) and name."""
        stale = outdated(self._book.given())
        files = [file for file in self._files() if file.parent.name != _BACKGROUND]
        named = [(file.parent.name, file.stem) for file in files if file.stem not in stale]
        return [(None if name == _REJECTED else name, stem) for name, stem in named]

    def backgrounds(self) -> list[Path]:
        """Files of the site's background, oldest first."""
        return sorted(inside(self._path, _BACKGROUND).glob("*.npy"))

    def changed(self) -> bool:
        """True if anything was added, taken back or mended since the last `load`.

        Costs some microseconds, however much there is.
        """
        return self._sounds.changed() or self._sites.changed() or self._book.changed()

    @property
    def loss(self) -> str | None:
        """Line about what the last `load` left out, for it was taught by embeddings; or None."""
        if not self._former:
            return None
        files = counted(self._former, "file")
        return f"{files} taught before this bundle told sounds apart: not used any more"

    def load(self, without: Iterable[str] = ()) -> Learnt:
        """All of it; what can't be used is told, once, and left out.

        Args:
            without: names of lessons that are to be left out, too.
        """
        for content in (self._sounds, self._sites):
            content.begin()
            content.folders(self._path)
        given = [entry for entry in self._book.given() if entry.name not in {*without}]
        held, stale = holding(given), outdated(given)
        self._heard = {entry.name: self._rows(entry) for entry in held}
        exemplars, mistaken = self._exemplars(stale), _Sounds()
        rejected = _usable(self._sounds.named(self._path / _REJECTED), stale)
        for entry in held:
            lesson, rows = entry.review.lesson, self._heard[entry.name]
            if lesson is None or rows is None:
                continue
            if lesson.taught is None:
                rejected.append(rows)
                continue
            exemplars.setdefault(lesson.taught, []).append(rows)
            if lesson.mistaken:
                mistaken.setdefault(lesson.mistaken, []).append(rows)
        self._former = len(self._sounds.former - stale) + sum(map(self._is_former, held))
        return Learnt(
            exemplars=_joined(exemplars),
            background=_one(list(self._sites.named(self._path / _BACKGROUND).values())),
            rejected=_one(rejected),
            mistaken=_joined(mistaken),
        )

    def _exemplars(self, stale: set[str]) -> _Sounds:
        folder = self._path / _EXEMPLARS
        return {
            species_id: _usable(self._sounds.named(folder / species_id), stale)
            for species_id in self._sounds.folders(folder)
        }

    def _rows(self, entry: Given) -> Float16s | None:
        """The sounds of a lesson; None if it has none for this encoder."""
        lesson = entry.review.lesson
        if (known := self._heard.get(entry.name)) is not None:
            return known
        if lesson is None or lesson.model != self._model or self._is_former(entry):
            return None
        whole = self._book.whole(entry.name)
        if whole is None or not whole.rows:
            return None
        try:
            rows = rows_of(whole)
            check_unit_rows(rows, "its sounds", self._dim)
        except (BirdlistenError, ValueError) as error:
            _TELL(f"lesson {entry.name}: {error}; left out")
            return None
        return rows

    def _is_former(self, entry: Given) -> bool:
        lesson = entry.review.lesson
        if self._former_dim is None or lesson is None:
            return False
        return (lesson.model, lesson.dim) == (self._model, self._former_dim)

    def _files(self) -> list[Path]:
        folders = (f"{_EXEMPLARS}/*", _BACKGROUND, _REJECTED)
        return [file for folder in folders for file in sorted(self._path.glob(f"{folder}/*.npy"))]


def _usable(named: Mapping[str, Float16s], stale: set[str]) -> list[Float16s]:
    """Rows of files but of those of former versions that a lesson stands for."""
    return [rows for name, rows in named.items() if name not in stale]


def rows_of(lesson: Lesson) -> Float16s:
    """The sounds of a lesson, float16[windows, dim].

    Raises:
        ValueError: they are damaged.
    """
    content = base64.b64decode(lesson.rows, validate=True)
    return np.frombuffer(content, np.float16).reshape(-1, max(lesson.dim, 1))


def packed(rows: Float16s) -> str:
    """Back from `rows_of`."""
    return base64.b64encode(np.ascontiguousarray(rows, np.float16).tobytes()).decode()


def _joined(sounds: _Sounds) -> dict[str, Float16s]:
    return {species: np.concatenate(rows) for species, rows in sounds.items() if rows}


def _one(rows: list[Float16s]) -> Float16s | None:
    return np.concatenate(rows) if rows else None


def _write(path: Path, rows: Float16s) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    write_atomic(path, npy_bytes(rows))
