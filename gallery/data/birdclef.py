"""BirdCLEF, 2021 to 2026: train_metadata.csv or train.csv, and the clips they name.

The clips lie in train_short_audio (2021) or train_audio (since). The class is that of `class_name`,
in the table or in taxonomy.csv beside; the ranks come from eBird's table where one is there.
"""

import re
from pathlib import Path

from edge.contract.taxonomy import Species
from gallery.data.dataset import Dataset, Item
from gallery.data.ebird import ebird_species
from gallery.data.ranks import named
from gallery.data.table import dataset, first_table, read_rows

_COLUMNS = ("primary_label", "scientific_name", "common_name", "author", "license", "filename")
_FOLDERS = ("train_audio", "train_short_audio")


def read(folder: Path) -> Dataset:
    """All training clips; insects and frogs, which newer years have, too.

    Raises:
        DatasetError: no table, or none of its clips.
    """
    rows = read_rows(first_table(folder, "train_metadata.csv", "train.csv"), _COLUMNS)
    classes = _taxa(folder)
    labelled = {
        row["primary_label"]: {**row, **classes.get(row["primary_label"], {})} for row in rows
    }
    known = ebird_species(folder)
    species = {label: known.get(label) or _species(row) for label, row in labelled.items()}
    ids = {label: kind.species_id for label, kind in species.items()}
    keys = {ids[label]: _keys(row) for label, row in labelled.items()}
    items = [
        Item(
            path=_clip(folder, row["filename"], row["primary_label"]),
            kind="audio",
            species_id=ids[row["primary_label"]],
            split="train",
            licence=row["license"],
            attribution=f"{row['author']}, {row.get('url', '')}".rstrip(", "),
            url=row.get("url", ""),
            also=tuple(ids[label] for label in _secondary(row) if label in ids),
        )
        for row in rows
    ]
    return dataset(folder, species.values(), items, keys)


def _taxa(folder: Path) -> dict[str, dict[str, str]]:
    """Rows of the years whose taxonomy lies in a table of its own, by label."""
    table = folder / "taxonomy.csv"
    rows = read_rows(table) if table.is_file() else []
    return {row["primary_label"]: row for row in rows if "primary_label" in row}


def _species(row: dict[str, str]) -> Species:
    return named(row["scientific_name"], row["common_name"], row.get("class_name", ""))


def _keys(row: dict[str, str]) -> list[str]:
    """A label is eBird's code of a bird, or iNaturalist's number."""
    taxon = row.get("inat_taxon_id", "").partition(".")[0]
    code = row["primary_label"]
    own = f"inat:{code}" if code.isdigit() else f"ebird:{code}"
    return [own, *([f"inat:{taxon}"] if taxon else [])]


def _secondary(row: dict[str, str]) -> list[str]:
    """`['asbfly', 'gcrfin']`, as pandas wrote a list."""
    return re.findall(r"'([^']+)'", row.get("secondary_labels", ""))


def _clip(folder: Path, name: str, label: str) -> Path:
    """2021 names the bare file; since 2022 the label's folder is part of the name."""
    inner = name if "/" in name else f"{label}/{name}"
    places = [folder / name / inner for name in _FOLDERS]
    return next((place for place in places if place.is_file()), places[0])
