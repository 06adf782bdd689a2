"""iNatSounds 2024 and iNat21: one schema, sounds or photographs.

`{train,val,test}.json` with categories, annotations and licenses beside `audio` or `images`
(visipedia/inat_sounds/2024 and inat_comp/2021). iNat21's test.json has no annotations and is
left out.
"""

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from edge.contract.errors import DatasetError
from edge.contract.taxonomy import Species
from gallery.data.dataset import Dataset, Item
from gallery.data.layout import misplaced
from gallery.data.table import dataset, from_ranks, read_json

_SPLITS = {"train": "train", "train_mini": "train", "val": "validation", "test": "test"}


def read_sounds(folder: Path) -> Dataset:
    """Read iNatSounds.

    Raises:
        DatasetError: no split of it is here.
    """
    return _read(folder, "audio", "audio", "train/00007_Animalia_Chordata_.../x.wav")


def read_photographs(folder: Path) -> Dataset:
    """Read iNat21; `train_mini` stands for `train` where only that is there.

    Raises:
        DatasetError: no split of it is here.
    """
    return _read(folder, "images", "image", "train/00007_Animalia_Chordata_.../x.jpg")


def _read(folder: Path, table: str, kind: str, example: str) -> Dataset:
    files = {
        name: folder / f"{name}.json" for name in _SPLITS if (folder / f"{name}.json").exists()
    }
    if "train" in files:
        files.pop("train_mini", None)
    contents = {name: read_json(file) for name, file in files.items()}
    told = {name: content for name, content in contents.items() if content.get("annotations")}
    if not told:
        why = "no train.json, val.json or test.json with annotations"
        raise misplaced(folder, f"train.json and {example}", why)
    try:
        species = [from_ranks(row) for content in told.values() for row in content["categories"]]
        items = [
            item
            for name in told
            for item in _items(folder, content=told[name], table=table, kind=kind, name=name)
        ]
    except (KeyError, TypeError) as error:
        raise DatasetError(f"{folder}: not iNaturalist's schema ({error!r} is missing)") from error
    keys = _labels(told.values()) if kind == "image" else {}
    return dataset(folder, species, items, keys)


def _labels(contents: Iterable[dict[str, Any]]) -> dict[str, list[str]]:
    """iNat21's own numbers, which SSW60 names, too."""
    return {
        from_ranks(row).species_id: [f"inat21:{row['id']}"]
        for content in contents
        for row in content["categories"]
    }


def _items(
    folder: Path, content: dict[str, Any], table: str, kind: str, name: str
) -> Iterator[Item]:
    species: dict[int, Species] = {
        category["id"]: from_ranks(category) for category in content["categories"]
    }
    licences = {licence["id"]: licence["name"] for licence in content.get("licenses", ())}
    owner = "audio_id" if kind == "audio" else "image_id"
    labels = {annotation[owner]: annotation["category_id"] for annotation in content["annotations"]}
    for row in content[table]:
        if row["id"] in labels:
            yield Item(
                path=folder / row["file_name"],
                kind=kind,
                species_id=species[labels[row["id"]]].species_id,
                split=_SPLITS[name],
                licence=licences.get(row.get("license"), "unknown"),
                attribution=row.get("rights_holder") or "unknown",
            )
