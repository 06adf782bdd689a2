"""BirdCLEF, 2021 to 2026: train_metadata.csv or train.csv, and the clips they name.

The clips lie in train_short_audio (2021) or train_audio (since); the ranks come from eBird's
table where one is beside it.
"""

import re
from pathlib import Path

from gallery.data.dataset import Dataset, Item
from gallery.data.ebird import ebird_species
from gallery.data.table import bird, dataset, first_table, read_rows

_COLUMNS = ("primary_label", "scientific_name", "common_name", "author", "license", "filename")
_FOLDERS = ("train_audio", "train_short_audio")


def read(folder: Path) -> Dataset:
    """All training clips; insects and frogs, which newer years have, too.

    Raises:
        DatasetError: no table, or none of its clips.
    """
    rows = read_rows(first_table(folder, "train_metadata.csv", "train.csv"), _COLUMNS)
    known = ebird_species(folder)
    species = {
        row["primary_label"]: known.get(row["primary_label"])
        or bird(row["scientific_name"], row["common_name"])
        for row in rows
    }
    ids = {label: bird.species_id for label, bird in species.items()}
    items = [
        Item(
            path=_clip(folder, row["filename"], row["primary_label"]),
            kind="audio",
            species_id=ids[row["primary_label"]],
            split="train",
            licence=row["license"],
            attribution=f"{row['author']}, {row.get('url', '')}".rstrip(", "),
            also=tuple(ids[label] for label in _secondary(row) if label in ids),
        )
        for row in rows
    ]
    return dataset(folder, species.values(), items)


def _secondary(row: dict[str, str]) -> list[str]:
    """`['asbfly', 'gcrfin']`, as pandas wrote a list."""
    return re.findall(r"'([^']+)'", row.get("secondary_labels", ""))


def _clip(folder: Path, name: str, label: str) -> Path:
    """2021 names the bare file; since 2022 the label's folder is part of the name."""
    inner = name if "/" in name else f"{label}/{name}"
    places = [folder / name / inner for name in _FOLDERS]
    return next((place for place in places if place.is_file()), places[0])
