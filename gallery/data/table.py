"""From a corpus' own tables to species and items."""

import csv
import json
import logging
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from edge.contract.errors import DatasetError
from edge.contract.taxonomy import Species, Taxonomy, slug
from gallery.data.dataset import SYNTHETIC_MARK, Dataset, Item, dataset_name
from gallery.data.layout import misplaced

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
                there = ", ".join(reader.fieldnames or ())[:200] or "nothing"
                raise DatasetError(f"{file}: columns {missing} are missing; it has {there}")
            return [
                {name: (value or "").strip() for name, value in row.items() if name}
                for row in reader
            ]
    except FileNotFoundError:
        raise absent(file) from None
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise DatasetError(f"{file}: not readable as a UTF-8 CSV table ({error})") from error


def absent(file: Path) -> DatasetError:
    """A table isn't there, nor perhaps the folders that should hold it."""
    folder = next(parent for parent in file.parents if parent.is_dir() or parent == parent.parent)
    return misplaced(folder, str(file.relative_to(folder)))


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
    raise misplaced(folder, " or ".join(names))


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


def dataset(
    folder: Path,
    species: Iterable[Species],
    items: Iterable[Item],
    keys: Mapping[str, Iterable[str]] | None = None,
) -> Dataset:
    """The items whose files are there, and the species of a corpus, each once.

    Args:
        folder: of the corpus.
        species: may repeat.
        items: whether their files are there or not.
        keys: what other lists call a species, by its id.

    Raises:
        DatasetError: not one file is there.
    """
    unique = {kind.species_id: kind for kind in species}
    every = list(items)
    kept = tuple(item for item in every if item.path.is_file())
    if every and not kept:
        why = f"none of the {len(every)} files that its tables name is here"
        raise misplaced(folder, _below(every[0].path, folder), why)
    if not kept:
        raise DatasetError(f"{folder}: its tables name no file")
    if len(kept) < len(every):
        _LOG.warning("%s: %d of %d files are not here", folder, len(every) - len(kept), len(every))
    ordered = sorted(unique.values(), key=lambda kind: kind.species_id)
    synthetic = any(SYNTHETIC_MARK in item.attribution for item in kept)
    return Dataset(
        name=dataset_name(folder, synthetic),
        path=folder,
        taxonomy=Taxonomy(tuple(ordered)),
        items=kept,
        synthetic=synthetic,
        keys={name: frozenset(others) for name, others in (keys or {}).items()},
    )


def _below(path: Path, folder: Path) -> str:
    return str(path.relative_to(folder)) if path.is_relative_to(folder) else str(path)
