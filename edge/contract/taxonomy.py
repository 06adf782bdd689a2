"""The ordered table of species that every embedding, picture and detection refers to."""

import csv
import io
import re
import unicodedata
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from edge.contract.errors import BundleError, ConfigError
from edge.contract.languages import LocalNames
from edge.contract.tables import read_lines, read_table

RANKS = ("kingdom", "phylum", "class", "order", "family", "genus", "epithet")
COLUMNS = ("species_id", "scientific_name", "common_name", *RANKS)
_ID = re.compile(r"[a-z0-9_-]{1,100}")
_SPELLED = str.maketrans(
    {"\u00d7": "x", "/": "-"} | dict.fromkeys("!\"#$%&'()*+,.:;<=>?@[\\]^`{|}~")
)
"""ASCII signs that no id holds: spelled otherwise, or left out."""


@dataclass(frozen=True)
class Species:
    """One species; `species_id` is the scientific name in lower case with underscores."""

    species_id: str
    scientific_name: str
    common_name: str
    kingdom: str
    phylum: str
    class_: str
    order: str
    family: str
    genus: str
    epithet: str

    @property
    def ranks(self) -> tuple[str, ...]:
        """The seven ranks from kingdom to epithet."""
        return tuple(getattr(self, _field(rank)) for rank in RANKS)

    @classmethod
    def read(cls, line: Mapping[str, str]) -> "Species":
        """From a line of the table."""
        return cls(**{_field(column): line[column] for column in COLUMNS})

    @property
    def line(self) -> dict[str, str]:
        """Its line of the table."""
        return {column: getattr(self, _field(column)) for column in COLUMNS}


@dataclass(frozen=True)
class Taxonomy:
    """Species in a fixed order; ids are unique, and fit to be names of folders.

    Args:
        species: in order.
        local_names: of these species in other languages.

    Raises:
        BundleError: an id appears twice, is empty, or holds what no id may.
    """

    species: tuple[Species, ...]
    local_names: LocalNames = field(default=LocalNames(), compare=False)

    def __post_init__(self) -> None:
        count = Counter(self.ids)
        doubled = sorted(name for name, times in count.items() if times > 1)
        if doubled or "" in count:
            raise BundleError(f"taxonomy: ids must be unique and not empty, found twice: {doubled}")
        for species_id in self.ids:
            check_species_id(species_id, "taxonomy")

    def __len__(self) -> int:
        return len(self.species)

    @property
    def ids(self) -> tuple[str, ...]:
        """All ids in order."""
        return tuple(species.species_id for species in self.species)

    def in_language(self, language: str) -> "Taxonomy":
        """The same species, with their common names in a language, where they have one.

        Raises:
            ConfigError: there are no names in that language.
        """
        names = self.local_names.in_language(language)
        said = [
            replace(species, common_name=names.get(species.species_id, species.common_name))
            for species in self.species
        ]
        return replace(self, species=tuple(said))

    def by_local_name(self) -> dict[str, set[str]]:
        """Ids by what species are called in any language, as `slug` spells it."""
        known, found = set(self.ids), dict[str, set[str]]()
        for name, species_id in self.local_names.all_names():
            if species_id in known:
                found.setdefault(slug(name), set()).add(species_id)
        return found

    def by_id(self) -> dict[str, Species]:
        """Species keyed by id."""
        return {species.species_id: species for species in self.species}

    def save(self, path: Path) -> None:
        """Write the table as CSV (UTF-8, LF)."""
        path.write_bytes(self.to_csv())

    def to_csv(self) -> bytes:
        """The table as CSV (UTF-8, LF)."""
        text = io.StringIO(newline="")
        writer = csv.DictWriter(text, COLUMNS, lineterminator="\n")
        writer.writeheader()
        writer.writerows(species.line for species in self.species)
        return text.getvalue().encode()

    @classmethod
    def load(cls, path: Path, local_names: LocalNames | None = None) -> "Taxonomy":
        """Read the table.

        Raises:
            BundleError: the file is not UTF-8 CSV or lacks a column.
        """
        rows = read_table(path, COLUMNS)
        return cls(tuple(map(Species.read, rows)), local_names or LocalNames())


def check_species_id(species_id: str, where: str) -> None:
    """Refuse an id that can't be the name of a folder.

    Raises:
        BundleError: it is not made of 1 to 100 of a-z, 0-9, `_` and `-`.
    """
    if not _ID.fullmatch(species_id):
        raise BundleError(
            f"{where}: species_id {species_id[:120]!a}, expected 1 to 100 characters of a-z, 0-9, "
            "_ and -; build the bundle again"
        )


def slug(scientific_name: str) -> str:
    """The id of a species: `Cuculus canorus` -> `cuculus_canorus`; accents and signs are dropped.

    Letters that are not Latin stay, so that a common name can be looked up; they make no id.
    """
    marked = unicodedata.normalize("NFKD", scientific_name.lower())
    plain = "".join(letter for letter in marked if not "\u0300" <= letter <= "\u036f")
    spelled = "_".join(plain.translate(_SPELLED).split())
    return unicodedata.normalize("NFC", spelled)


def read_names(path: Path) -> list[str]:
    """Species ids from a file with one scientific name a line; `#` begins a comment line.

    Raises:
        ConfigError: unreadable, or no name in it.
    """
    names = [slug(line) for line in read_lines(path)]
    if not names:
        raise ConfigError(f"{path}: names no species; expected one scientific name a line")
    return list(dict.fromkeys(names))


def _field(column: str) -> str:
    return "class_" if column == "class" else column
