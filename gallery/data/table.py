"""From a corpus' own tables to species and items."""

import csv
import json
import logging
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from edge.contract.errors import DatasetError
from edge.contract.taxonomy import Species, Taxonomy, slug
from gallery.data.dataset import Dataset, Item

_LOG = logging.getLogger(__name__)


def read_rows(file: Path, columns: Iterable[str] = ()) -> list[dict[str, str]]:
    """Rows of a CSV file, blanks stripped.

    Raises:
        DatasetError: missing, not UTF-8 CSV, or without one of the columns.
    """
    try:
        with file.open(encoding="utf-8-sig", newline="") as lines:
            reader = csv.DictReader(lines, skipinitialspace=True)
            if missing := sorted(set(columns) - set(reader.fieldnames or ())):
                raise DatasetError(f"{file}: columns {missing} are missing")
            return [
                {name: (value or "").strip() for name, value in row.items() if name}
                for row in reader
            ]
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise DatasetError(f"{file}: not readable as a UTF-8 CSV table ({error})") from error


def read_json(file: Path) -> Any:
    """A JSON file's content.

    Raises:
        DatasetError: missing or not JSON.
    """
    try:
        return json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise DatasetError(f"{file}: not readable as JSON ({error})") from error


def first_table(folder: Path, *names: str) -> Path:
    """The first file of these names that is there; names may be patterns.

    Raises:
        DatasetError: none is.
    """
    for name in names:
        if found := sorted(folder.glob(name)):
            return found[0]
    raise DatasetError(f"{folder}: expected {' or '.join(names)} here")


def bird(scientific_name: str, common_name: str = "", order: str = "", family: str = "") -> Species:
    """A bird, where a corpus gives less than seven ranks.

    A subspecies counts as its species; `Anatidae (Ducks, Geese, and Waterfowl)` as `Anatidae`.
    """
    genus, _, rest = " ".join(scientific_name.split()).partition(" ")
    epithet = rest.partition(" ")[0].lower()
    name = f"{genus.capitalize()} {epithet}".strip()
    ranks = ("Animalia", "Chordata", "Aves", order, family.partition("(")[0].strip())
    return Species(slug(name), name, common_name or name, *ranks, genus.capitalize(), epithet)


def thing(label: str) -> Species:
    """A class of sound that is no species: its name is all there is to say."""
    name = " ".join(label.replace("_", " ").split())
    return Species(
        species_id=slug(name),
        scientific_name=name,
        common_name=name,
        kingdom="",
        phylum="",
        class_="",
        order="",
        family="",
        genus="",
        epithet="",
    )


def from_ranks(row: Mapping[str, str]) -> Species:
    """A species with all its ranks, as iNaturalist's categories give them."""
    return Species(
        species_id=slug(row["name"]),
        scientific_name=row["name"],
        common_name=row.get("common_name") or row["name"],
        kingdom=row["kingdom"],
        phylum=row["phylum"],
        class_=row["class"],
        order=row["order"],
        family=row["family"],
        genus=row["genus"],
        epithet=row["specific_epithet"],
    )


def dataset(folder: Path, species: Iterable[Species], items: Iterable[Item]) -> Dataset:
    """The items whose files are there, and the species of a corpus, each once.

    Raises:
        DatasetError: not one file is there.
    """
    unique = {bird.species_id: bird for bird in species}
    every = list(items)
    kept = tuple(item for item in every if item.path.is_file())
    if not kept:
        raise DatasetError(f"{folder}: none of the {len(every)} files that its tables name is here")
    if len(kept) < len(every):
        _LOG.warning("%s: %d of %d files are not here", folder, len(every) - len(kept), len(every))
    ordered = sorted(unique.values(), key=lambda bird: bird.species_id)
    return Dataset(folder.resolve().name, folder, Taxonomy(tuple(ordered)), kept)
