"""Recordings of Xeno-canto: pages of its API (v2 or v3) as JSON files, and the sounds beside them.

Files are looked for as `XC<id>.<suffix>` anywhere below the folder, or under the page's own
`file-name`.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from edge.contract.errors import DatasetError
from edge.contract.taxonomy import Species
from edge.source.tree import list_recordings
from gallery.data.dataset import Dataset, Item
from gallery.data.layout import misplaced
from gallery.data.ranks import named
from gallery.data.table import dataset, read_json

_NOT_A_SPECIES = {"", "sp", "sp.", "mystery"}
_GROUPS = {
    "birds": ("Aves", ""),
    "grasshoppers": ("Insecta", "Orthoptera"),
    "bats": ("Mammalia", "Chiroptera"),
    "frogs": ("Amphibia", "Anura"),
    "land mammals": ("Mammalia", ""),
}
"""Class and order of `grp`, which older pages call `group` or leave out."""


def read(folder: Path) -> Dataset:
    """Every recording of an identified species.

    Raises:
        DatasetError: no page of the API is here, or none of its sounds.
    """
    pages = [read_json(file) for file in sorted(folder.glob("*.json"))]
    rows = [row for page in pages if isinstance(page, dict) for row in page.get("recordings", ())]
    if not rows:
        raise misplaced(folder, "page-1.json", "no pages of the Xeno-canto API")
    files = {file.stem: file for file in list_recordings(folder)}
    told = [row for row in rows if row.get("sp", "").lower() not in _NOT_A_SPECIES]
    try:
        species = [_species(row) for row in told]
        items = [
            _item(folder, row, files, kind.species_id)
            for row, kind in zip(told, species, strict=True)
        ]
    except KeyError as error:
        raise DatasetError(f"{folder}: a recording has no field {error}") from error
    return dataset(folder, species, items)


def _species(row: Mapping[str, Any]) -> Species:
    group = str(row.get("grp") or row.get("group") or "").lower()
    return named(f"{row['gen']} {row['sp']}", row["en"], *_GROUPS.get(group, ("", "")))


def _item(folder: Path, row: Mapping[str, Any], files: Mapping[str, Path], species: str) -> Item:
    number = f"XC{row['id']}"
    stems = (number, Path(row.get("file-name", "")).stem)
    found = next((files[stem] for stem in stems if stem in files), folder / f"{number}.mp3")
    page = f"https://xeno-canto.org/{row['id']}"
    return Item(
        path=found,
        kind="audio",
        species_id=species,
        split="train",
        licence=row["lic"],
        attribution=f"{row['rec']}, {number}, {page}",
        url=page,
    )
