"""SSW60 (Van Horn et al. 2022): 60 birds as sound, video and two sets of photographs.

taxa.csv names no kingdom, class or genus, and writes families with their English name. The aviary's
videos are in this layout, too; their table says more: `licence`, `attribution`, `individual`, and
`also`, ids of others that are in a clip.
"""

from collections.abc import Collection, Iterator
from pathlib import Path

from gallery.data.dataset import Dataset, Item
from gallery.data.layout import misplaced
from gallery.data.ranks import bird
from gallery.data.table import dataset, read_rows

NABIRDS, INAT = "images_nabirds", "images_inat"
"""Folders of the two galleries."""
_SOUNDS = "audio_ml"
_PARTS = {
    _SOUNDS: ("audio", ".wav", None),
    "video_ml": ("video", ".mp4", None),
    NABIRDS: ("image", ".jpg", "photographer"),
    INAT: ("image", ".jpg", "rights_holder"),
}
_SPLITS = {"train": "train", "val": "validation", "test": "test"}
_LICENCE = "research use only"
_PAGE = "https://macaulaylibrary.org/asset/"
"""Of a sound or a video."""


def read(folder: Path, parts: Collection[str] = ()) -> Dataset:
    """Everything that is there of it.

    Args:
        folder: of the corpus.
        parts: only these of its tables; empty takes all.

    Raises:
        DatasetError: taxa.csv is missing, or no file is here.
    """
    columns = ("label", "common_name", "scientific_name", "family", "order")
    rows = {row["label"]: row for row in read_rows(folder / "taxa.csv", columns)}
    species = {
        label: bird(row["scientific_name"], row["common_name"], row["order"], row["family"])
        for label, row in rows.items()
    }
    ids = {label: kind.species_id for label, kind in species.items()}
    wanted = parts or _PARTS
    tables = [part for part in _PARTS if part in wanted and (folder / f"{part}.csv").is_file()]
    if not tables:
        raise misplaced(folder, f"{next(iter(wanted))}.csv")
    items = [item for part in tables for item in _items(folder, part, ids)]
    keys = {ids[label]: _keys(row) for label, row in rows.items()}
    return dataset(folder, species.values(), items, keys)


def _keys(row: dict[str, str]) -> list[str]:
    lists = (("inat", "inat_taxon_id"), ("inat21", "inat2021_label"), ("ebird", "species_code"))
    return [f"{name}:{row[column]}" for name, column in lists if row.get(column)]


def _items(folder: Path, part: str, ids: dict[str, str]) -> Iterator[Item]:
    kind, suffix, author = _PARTS[part]
    for row in read_rows(folder / f"{part}.csv", ("asset_id", "label", "split")):
        path = folder / part / f"{row['asset_id']}{suffix}"
        whose = row.get(author or "attribution", "") or "unknown"
        split = _SPLITS[row["split"]]
        yield Item(
            path=path,
            kind=kind,
            species_id=ids[row["label"]],
            split=split,
            licence=row.get("licence") or _LICENCE,
            attribution=whose,
            also=tuple(row.get("also", "").split()),
            individual=row.get("individual", ""),
            part=part,
            url=_PAGE + row["asset_id"] if kind != "image" else "",
        )
