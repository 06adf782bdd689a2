"""SSW60 (Van Horn et al. 2022): 60 birds as sound, video and two sets of photographs.

taxa.csv names no kingdom, class or genus, and writes families with their English name.
"""

from collections.abc import Iterator
from pathlib import Path

from gallery.data.dataset import Dataset, Item
from gallery.data.table import bird, dataset, read_rows

NABIRDS, INAT = "images_nabirds", "images_inat"
"""Folders of the two galleries."""
_PARTS = {
    "audio_ml": ("audio", ".wav", None),
    "video_ml": ("video", ".mp4", None),
    NABIRDS: ("image", ".jpg", "photographer"),
    INAT: ("image", ".jpg", "rights_holder"),
}
_SPLITS = {"train": "train", "val": "validation", "test": "test"}
_LICENCE = "research use only"


def read(folder: Path) -> Dataset:
    """Everything that is there of it.

    Raises:
        DatasetError: taxa.csv is missing, or no file is here.
    """
    columns = ("label", "common_name", "scientific_name", "family", "order")
    species = {
        row["label"]: bird(row["scientific_name"], row["common_name"], row["order"], row["family"])
        for row in read_rows(folder / "taxa.csv", columns)
    }
    ids = {label: bird.species_id for label, bird in species.items()}
    tables = [part for part in _PARTS if (folder / f"{part}.csv").is_file()]
    items = [item for part in tables for item in _items(folder, part, ids)]
    return dataset(folder, species.values(), items)


def _items(folder: Path, part: str, ids: dict[str, str]) -> Iterator[Item]:
    kind, suffix, author = _PARTS[part]
    for row in read_rows(folder / f"{part}.csv", ("asset_id", "label", "split")):
        path = folder / part / f"{row['asset_id']}{suffix}"
        whose = row.get(author or "", "") or "unknown"
        split = _SPLITS[row["split"]]
        yield Item(
            path=path,
            kind=kind,
            species_id=ids[row["label"]],
            split=split,
            licence=_LICENCE,
            attribution=whose,
            part=part,
        )
