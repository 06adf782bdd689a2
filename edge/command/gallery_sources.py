"""Pictures as they are given to `birdlisten gallery`: folders, tables and single files."""

import logging
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from edge.contract.credit import UNKNOWN, author_name
from edge.contract.errors import ConfigError, PictureError
from edge.contract.tables import each_row
from edge.contract.taxonomy import Species, Taxonomy, slug
from edge.decision.naming import find_species, species_by_name
from edge.recognition.pictures import SUFFIXES

_LOG = logging.getLogger(__name__)
MANIFEST = "manifest.csv"
_COLUMNS = ("path", "scientific_name")
_AUTHOR, _LICENCE = ("author", "attribution"), ("licence", "license")
_NUMBER = re.compile(r"^\d+[._ -]")
"""Before the names of folders: `017.Cardinal`, `04417_Animalia_..._Pica_pica`."""
_BIRD = re.compile(r"[A-Z][a-z-]+[_ ][a-z-]+$")
_RANKS = 6
"""Words of a name that ends with a scientific one, as iNat21's: its ranks from the kingdom on."""
_SHOWN = 5


@dataclass(frozen=True, kw_only=True)
class SourcePicture:
    """A picture to add."""

    path: Path
    species: Species
    url: str = ""
    author: str
    licence: str


@dataclass(frozen=True, kw_only=True)
class Credit:
    """Credit of pictures that bring none."""

    author: str = UNKNOWN
    licence: str = UNKNOWN


class PictureSources:
    """Reads what is given; pictures of unknown species are left out, and told.

    Args:
        taxonomy: of the bundle.
        named: the species of all of them; None reads it from folders and tables.
        credit: of those that bring none.

    Raises:
        ConfigError: nothing goes by that name.
    """

    def __init__(self, taxonomy: Taxonomy, named: str | None, credit: Credit) -> None:
        self._names, self._credit = species_by_name(taxonomy), credit
        self._scientific = {slug(bird.scientific_name): bird for bird in taxonomy.species}
        self._named = None if named is None else find_species(taxonomy, named)
        self._unknown: Counter[str] = Counter()

    def read(self, paths: Sequence[Path]) -> list[SourcePicture]:
        """The pictures of all paths, each file once, in the order of the paths and names.

        Raises:
            PictureError: there is none of a known species.
            ConfigError: a path isn't there, or is a picture without a name.
        """
        found = [picture for path in paths for picture in self._of(path)]
        for name, times in self._unknown.most_common(_SHOWN):
            _LOG.warning("%s: no species of this bundle; %d pictures left out", name, times)
        if len(self._unknown) > _SHOWN:
            _LOG.warning("and those of %d more names", len(self._unknown) - _SHOWN)
        if self._unknown:
            _LOG.warning("a station learns a new bird by: birdlisten species add NAME")
        if not found:
            told = "of a species of this bundle" if self._unknown else "here"
            raise PictureError(
                f"{paths[0]}: no picture {told}; expected {MANIFEST}, or folders such as "
                f"Cuculus_canorus with {', '.join(SUFFIXES)} in them, or --species"
            )
        return list({picture.path: picture for picture in found}.values())

    def _of(self, path: Path) -> Iterable[SourcePicture]:
        if path.suffix.lower() == ".csv":
            return self._of_table(path)
        if path.is_dir() and self._named is None and (path / MANIFEST).is_file():
            return self._of_table(path / MANIFEST)
        if path.is_dir():
            return self._of_folder(path)
        if not path.is_file():
            raise ConfigError(f"{path}: no such file or folder")
        if self._named is None:
            raise ConfigError(f"{path}: which species? give --species NAME")
        return [self._picture(path, self._named)]

    def _of_folder(self, root: Path) -> Iterator[SourcePicture]:
        """Those in folders below, of the species that the nearest folder with a name tells."""
        known: dict[Path, Species | None] = {}
        for file in sorted(root.rglob("*")):
            if file.suffix.lower() in SUFFIXES and not file.name.startswith("."):
                folder = file.parent
                if folder not in known:
                    known[folder] = self._named or self._by_folder(root, folder)
                species = known[folder]
                if species is None:
                    self._unknown[folder.name] += 1
                else:
                    yield self._picture(file, species)

    def _by_folder(self, root: Path, folder: Path) -> Species | None:
        """The species of a folder, or of the one around it if it is no other bird's."""
        name = folder.absolute().name
        plain = _NUMBER.sub("", name).replace("_", " ")
        found = (self._names.get(slug(reading)) for reading in (name.replace("_", " "), plain))
        if species := next(filter(None, found), None):
            return species
        ranks = plain.split()
        if len(ranks) >= _RANKS and (species := self._scientific.get(slug(" ".join(ranks[-2:])))):
            return species
        is_below = folder.parent != root and folder != root
        return self._by_folder(root, folder.parent) if is_below and not _BIRD.match(name) else None

    def _of_table(self, table: Path) -> Iterator[SourcePicture]:
        """Pictures of a table; of one with a `kind` those that are images."""
        for row in each_row(table, _COLUMNS, PictureError):
            if row.get("kind", "image") != "image":
                continue
            species = self._named or self._names.get(slug(row["scientific_name"]))
            if species is None:
                self._unknown[row["scientific_name"]] += 1
                continue
            yield SourcePicture(
                path=table.parent / row["path"],
                species=species,
                url=row.get("url", ""),
                author=author_name(_cell(row, _AUTHOR) or self._credit.author),
                licence=_cell(row, _LICENCE) or self._credit.licence,
            )

    def _picture(self, path: Path, species: Species) -> SourcePicture:
        author, licence = self._credit.author, self._credit.licence
        return SourcePicture(path=path, species=species, author=author, licence=licence)


def _cell(row: dict[str, str], columns: Sequence[str]) -> str:
    """The first of some columns that holds anything, on one line."""
    cells = (" ".join(row.get(column, "").split()) for column in columns)
    return next(filter(None, cells), "")
