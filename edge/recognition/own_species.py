"""Species and pictures that a station has added to its bundle.

    overlay/species.csv                     the species, as a bundle's taxonomy has them
    overlay/pictures.csv                    whose pictures they are, as a gallery's table
    overlay/pictures/<picture>              thumbnails
    overlay/<space>/rows/<picture>.npy      float16[1, dim]

The tables are written last, and what they don't name is ignored: an addition is there whole or not
at all. Their sounds lie beside, with those that were confirmed (`edge.recognition.overlay`).
"""

import csv
import io
import logging
from collections.abc import Sequence
from dataclasses import astuple, dataclass, replace
from pathlib import Path

import numpy as np

from edge.contract.arrays import Float16s
from edge.contract.atomic import write_atomic
from edge.contract.bundle import Bundle, npy_bytes
from edge.contract.errors import BirdlistenError
from edge.contract.gallery import TABLE_COLUMNS, Gallery, GalleryRow, check_unit_rows
from edge.contract.npy import read_rows
from edge.contract.paths import inside
from edge.contract.tables import read_table
from edge.contract.taxonomy import COLUMNS, Species, check_species_id
from edge.contract.text import one_line
from edge.recognition.overlay import FOLDER
from edge.records.lessons import LessonBook, outdated
from edge.system.throttle import RateLimitedLog, reason

_TELL = RateLimitedLog(logging.getLogger(__name__))
_THUMBNAILS = "pictures"
_SPACE = 16
"""Characters of a space's id that tell it from others."""
_ADDED = "added"
"""Column that names the command which added a line, so that it can be taken back."""


@dataclass(frozen=True, slots=True)
class StationPicture(GalleryRow):
    """Origin of a picture that lies in the station."""

    @property
    def file(self) -> str | None:
        """Path of the picture in the station."""
        return f"{FOLDER}/{_THUMBNAILS}/{self.picture}"


@dataclass(frozen=True)
class NewPicture:
    """A picture to add."""

    row: StationPicture
    thumbnail: bytes
    embedding: Float16s
    """float16[dim]."""


@dataclass(frozen=True)
class Additions:
    """Species and pictures of a station, as far as they can be used."""

    species: tuple[Species, ...]
    pictures: tuple[StationPicture, ...]
    rows: Float16s
    """float16[pictures, dim]."""


class OwnSpecies:
    """The species that a station has added.

    Args:
        station: the station's folder.
        space_id: of the bundle.
        dim: of its embeddings.
    """

    def __init__(self, station: Path, space_id: str, dim: int) -> None:
        self._path, self._dim, self._book = station / FOLDER, dim, LessonBook(station)
        self._rows = inside(self._path, space_id[:_SPACE]) / "rows"
        pictures, species = own_tables(station)
        self._pictures, self._species = _Table(pictures, TABLE_COLUMNS), _Table(species, COLUMNS)

    def load(self) -> Additions:
        """All of them; what can't be used is told and left out."""
        stale = outdated(self._book.given())
        added = [line for line in self._species.usable() if line.get(_ADDED) not in stale]
        species = taught_species(self._book)
        species |= {line["species_id"]: Species.read(line) for line in added}
        pictures = [StationPicture.read(line) for line in self._pictures.usable()]
        read = [(picture, self._row(picture)) for picture in pictures]
        held = [(picture, row) for picture, row in read if row is not None]
        empty = np.empty((0, self._dim), np.float16)
        return Additions(
            species=tuple(species.values()),
            pictures=tuple(picture for picture, _ in held),
            rows=np.concatenate([empty, *(row for _, row in held)]),
        )

    def add(self, species: Species | None, pictures: Sequence[NewPicture], label: str) -> None:
        """Add a species, or pictures of one, or both.

        Args:
            species: None if the station has it already.
            pictures: none of whose names is taken.
            label: names the addition, so that it can be taken back.
        """
        for picture in pictures:
            name = picture.row.picture
            _write(inside(self._path / _THUMBNAILS, name), picture.thumbnail)
            _write(self._row_file(name), npy_bytes(picture.embedding[None]))
        lines = [dict(zip(TABLE_COLUMNS, astuple(new.row), strict=True)) for new in pictures]
        self._pictures.append(lines, label)
        self._species.append([] if species is None else [species.line], label)

    def remove(self, species_id: str, label: str | None = None) -> int:
        """Remove a species with its pictures, or what one command has added of it.

        Returns:
            Count of pictures that are gone.
        """
        self._species.drop(species_id, label)
        pictures = self._pictures.drop(species_id, label)
        for line in pictures:
            inside(self._path / _THUMBNAILS, line["picture"]).unlink(missing_ok=True)
            self._row_file(line["picture"]).unlink(missing_ok=True)
        return len(pictures)

    def labels(self, species_id: str) -> list[str]:
        """Labels of all that was added of a species, oldest first."""
        lines = [*self._species.usable(), *self._pictures.usable()]
        found = {line.get(_ADDED, "") for line in lines if line["species_id"] == species_id}
        return sorted(found - {""})

    def _row(self, picture: StationPicture) -> Float16s | None:
        table, name = self._pictures.path, picture.picture
        try:
            rows = read_rows(self._row_file(name))
            check_unit_rows(rows, name, self._dim)
        except FileNotFoundError:
            _TELL(f"{table}: {name!a} belongs to another bundle's space; add it again")
            return None
        except (BirdlistenError, OSError) as error:
            _TELL(f"{table}: {reason(error)}; left out")
            return None
        return rows if len(rows) == 1 else None

    def _row_file(self, picture: str) -> Path:
        return inside(self._rows, f"{picture}.npy")


@dataclass(frozen=True)
class _Table:
    """A table whose lines say which command has added them; anybody may write to it."""

    path: Path
    columns: tuple[str, ...]

    def usable(self) -> list[dict[str, str]]:
        """Its lines; none, which is told, if there is a fault."""
        try:
            lines = self._lines()
            for line in lines:
                check_species_id(line["species_id"], str(self.path))
        except BirdlistenError as error:
            _TELL(f"{error}; left out")
            return []
        return lines

    def append(self, lines: Sequence[dict[str, str]], label: str) -> None:
        """Add lines.

        Raises:
            BundleError: the table is damaged.
        """
        if lines:
            self._save([*self._lines(), *({**line, _ADDED: label} for line in lines)])

    def drop(self, species_id: str | None, label: str | None) -> list[dict[str, str]]:
        """Take the lines of a species away, or of all, those of one label or any.

        Raises:
            BundleError: the table is damaged.
        """
        lines = self._lines()
        gone = [
            line
            for line in lines
            if species_id in (None, line["species_id"]) and label in (None, line.get(_ADDED))
        ]
        if gone:
            self._save([line for line in lines if line not in gone])
        return gone

    def _lines(self) -> list[dict[str, str]]:
        return read_table(self.path, self.columns) if self.path.exists() else []

    def _save(self, lines: Sequence[dict[str, str]]) -> None:
        text = io.StringIO()
        columns = (*self.columns, _ADDED)
        writer = csv.DictWriter(
            text, columns, restval="", extrasaction="ignore", lineterminator="\n"
        )
        writer.writeheader()
        # A lone carriage return is written without quotes, and read as the end of a line.
        writer.writerows({name: one_line(text) for name, text in line.items()} for line in lines)
        _write(self.path, text.getvalue().encode())


def taught_species(book: LessonBook) -> dict[str, Species]:
    """Species that verdicts have added to those listened for; what is damaged is left out."""
    found = {}
    for given in book.holding():
        line = given.review.lesson.species if given.review.lesson else None
        if line is None:
            continue
        try:
            species = Species.read(line)
            check_species_id(species.species_id, given.name)
            found[species.species_id] = species
        except (BirdlistenError, KeyError, TypeError) as error:
            _TELL(f"lesson {given.name}: {reason(error)}; left out")
    return found


class TaughtWatch:
    """Names of the species that verdicts have added, for who waits for a change of them.

    Args:
        station: its folder.
    """

    def __init__(self, station: Path) -> None:
        self._book = LessonBook(station)
        self._names = frozenset(taught_species(self._book))

    def __call__(self) -> object:
        """The names, after two calls of stat where nothing has changed."""
        if self._book.changed():
            self._names = frozenset(taught_species(self._book))
        return self._names


def own_tables(station: Path) -> tuple[Path, ...]:
    """The files whose replacement tells that species were added or removed."""
    return tuple(station / FOLDER / name for name in ("pictures.csv", "species.csv"))


def is_listened_for(bundle: Bundle, species: Species) -> bool:
    """True for a species of the bundle's usual set, and for one that the station has added."""
    return species.species_id in bundle.species_ids(bundle.manifest.default_species_set)


def extended(bundle: Bundle, additions: Additions) -> Bundle:
    """A bundle with what the station has added."""
    known = set(bundle.taxonomy.ids)
    new = [species for species in additions.species if species.species_id not in known]
    named = known | {species.species_id for species in new}
    own = [n for n, row in enumerate(additions.pictures) if row.species_id in named]
    gallery = bundle.gallery
    if own:  # else thousands of rows would be copied and checked again for nothing
        rows = np.concatenate([gallery.rows, additions.rows[own]])
        gallery = Gallery(rows, (*gallery.table, *(additions.pictures[n] for n in own)))
    return replace(
        bundle,
        taxonomy=replace(bundle.taxonomy, species=(*bundle.taxonomy.species, *new)),
        gallery=gallery,
        own=tuple(species.species_id for species in additions.species),
    )


def _write(path: Path, content: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    write_atomic(path, content)
