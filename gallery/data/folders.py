"""Folders that are named by their species: `Cuculus_canorus/any.wav`, with pictures or recordings.

Below a folder of each split (train, validation or val, test), or without: then all of it is train.
"""

from collections.abc import Iterator
from pathlib import Path

from edge.recognition.pictures import SUFFIXES as PICTURES
from edge.source.suffixes import SUFFIXES as RECORDINGS
from gallery.data.dataset import Dataset, Item
from gallery.data.layout import misplaced
from gallery.data.ranks import named
from gallery.data.table import dataset

SPLITS = {"train": "train", "validation": "validation", "val": "validation", "test": "test"}
"""Of folders by name."""
EXAMPLE = "Cuculus_canorus/x.jpg"


def read(folder: Path) -> Dataset:
    """All pictures and recordings.

    Raises:
        DatasetError: there is none.
    """
    found = list(_files(folder))
    if not found:
        raise misplaced(folder, EXAMPLE)
    species = {file.parent: named(file.parent.name.replace("_", " ")) for _, file in found}
    items = [
        Item(
            path=file,
            kind=_kind(file),
            species_id=species[file.parent].species_id,
            split=split,
            licence="unknown",
            attribution="unknown",
        )
        for split, file in found
    ]
    return dataset(folder, species.values(), items)


def _files(folder: Path) -> Iterator[tuple[str, Path]]:
    parts = {name: split for name, split in SPLITS.items() if (folder / name).is_dir()}
    for name, split in (parts or {"": "train"}).items():
        for file in sorted((folder / name).glob("*/*")):
            if _kind(file) and file.is_file():
                yield split, file


def _kind(file: Path) -> str:
    suffix = file.suffix.lower()
    return "image" if suffix in PICTURES else "audio" if suffix in RECORDINGS else ""
