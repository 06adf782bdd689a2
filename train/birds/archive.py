"""The archive of real recordings and photographs: who made what, of which species.

A folder with the sets core/, more/, many/, background/, wild/ and continued/, each with
manifest.csv. Of the last two only a teacher's opinion is wanted: nobody vouches for who sings when.
"""

import csv
import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from edge.contract.errors import BundleError, DatasetError
from edge.contract.tables import read_table
from edge.contract.taxonomy import Species, Taxonomy, slug

LABELLED = ("core", "more", "many", "background")
SETS = (*LABELLED, "wild", "continued")
COLUMNS = ("path", "kind", "scientific_name", "common_name", "licence", "attribution")
_FAMILIES = Path(__file__).with_name("families.csv")
_DECORATION = re.compile(r"^iNaturalist |\(c\) |\(?https?://\S+|<[^>]*>")


@dataclass(frozen=True)
class ArchiveRow:
    """One recording or photograph."""

    set_name: str
    path: Path
    kind: str
    scientific_name: str
    """Empty for background."""
    common_name: str
    licence: str
    attribution: str

    @property
    def is_labelled(self) -> bool:
        """True if the name holds for the whole recording."""
        return self.set_name in LABELLED

    @property
    def species_id(self) -> str:
        """Empty for background."""
        return slug(self.scientific_name)

    @property
    def author(self) -> str:
        """Recordist or photographer: the first name of the attribution.

        A background clip is cut from a longer recording, which stands for its author: the middle
        number of its file name.
        """
        if self.set_name == "background":
            return self.path.stem.split("-")[1]
        first = self.attribution.split(",")[0]
        name = _DECORATION.sub("", first).strip() or first
        return " ".join(name.split()).casefold()


def read_archive(folder: Path) -> tuple[ArchiveRow, ...]:
    """Every row of every set.

    Raises:
        DatasetError: a set is missing or its manifest lacks a column.
    """
    return tuple(row for name in SETS for row in _read_set(folder, name))


def read_taxonomy(rows: Iterable[ArchiveRow]) -> Taxonomy:
    """The species of the labelled rows, sorted, with order and family by genus.

    Raises:
        DatasetError: a genus is not in families.csv.
    """
    names: dict[str, Counter[str]] = {}
    for row in rows:
        if row.scientific_name and row.is_labelled:
            names.setdefault(row.scientific_name, Counter())[row.common_name] += 1
    ranks = _ranks_by_genus()
    unknown = sorted({name.split()[0] for name in names} - ranks.keys())
    if unknown:
        raise DatasetError(f"{_FAMILIES}: lacks the genera {', '.join(unknown)}; add them")
    return Taxonomy(tuple(_species(name, names[name], ranks) for name in sorted(names)))


def _read_set(folder: Path, name: str) -> Iterable[ArchiveRow]:
    manifest = folder / name / "manifest.csv"
    if not manifest.is_file():
        raise DatasetError(f"{manifest}: no such file; expected the sets {', '.join(SETS)}")
    try:
        table = read_table(manifest, COLUMNS)
    except BundleError as error:
        raise DatasetError(f"{folder / name}: {error}") from error
    for row in table:
        others = {column: row[column] for column in COLUMNS if column != "path"}
        yield ArchiveRow(set_name=name, path=folder / name / row["path"], **others)


def _ranks_by_genus() -> dict[str, tuple[str, str]]:
    with _FAMILIES.open(encoding="utf-8", newline="") as file:
        return {
            genus: (row["order"], row["family"])
            for row in csv.DictReader(file)
            for genus in row["genera"].split()
        }


def _species(name: str, common: Counter[str], ranks: dict[str, tuple[str, str]]) -> Species:
    genus, epithet = name.split(maxsplit=1)
    order, family = ranks[genus]
    return Species(
        species_id=slug(name),
        scientific_name=name,
        common_name=common.most_common(1)[0][0],
        kingdom="Animalia",
        phylum="Chordata",
        class_="Aves",
        order=order,
        family=family,
        genus=genus,
        epithet=epithet,
    )
