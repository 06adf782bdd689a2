"""AudioCaps and Clotho: sounds of all kinds with captions, for the neighbouring methods."""

from pathlib import Path

from edge.source.tree import list_recordings
from gallery.data.dataset import Dataset, Item
from gallery.data.layout import misplaced
from gallery.data.table import dataset, read_rows

_CLOTHO = {"development": "train", "validation": "validation", "evaluation": "test"}
_AUDIOCAPS = {"train": "train", "val": "validation", "test": "test"}


def read_audiocaps(folder: Path, files: dict[str, Path] | None = None) -> Dataset:
    """AudioCaps (Kim et al. 2019): train.csv, val.csv, test.csv and clips by YouTube id.

    Clips are `<youtube id>.<suffix>`, or with `Y` before and `_<start>` behind.

    Args:
        folder: of the corpus.
        files: clips by YouTube id; None looks for recordings.

    Raises:
        DatasetError: no table, or no clip.
    """
    tables = [name for name in _AUDIOCAPS if (folder / f"{name}.csv").is_file()]
    if not tables:
        raise misplaced(folder, "train.csv, val.csv or test.csv")
    files = clips(folder) if files is None else files
    items = []
    for name in tables:
        captions: dict[str, list[str]] = {}
        for row in read_rows(folder / f"{name}.csv", ("youtube_id", "caption")):
            captions.setdefault(row["youtube_id"], []).append(row["caption"])
        items += [
            _item(files.get(file, folder / file), _AUDIOCAPS[name], texts, f"YouTube {file}")
            for file, texts in captions.items()
        ]
    return dataset(folder, (), items)


def read_clotho(folder: Path) -> Dataset:
    """Clotho (Drossos et al. 2020): five captions a clip, and clips in a folder a split.

    Raises:
        DatasetError: no table, or no clip.
    """
    items = []
    for part, split in _CLOTHO.items():
        table = folder / f"clotho_captions_{part}.csv"
        for row in read_rows(table, ("file_name", "caption_1")) if table.is_file() else ():
            texts = [row[name] for name in sorted(row) if name.startswith("caption_")]
            items.append(_item(folder / part / row["file_name"], split, texts, "Freesound"))
    if not items:
        raise misplaced(folder, "clotho_captions_development.csv")
    return dataset(folder, (), items)


def clips(folder: Path) -> dict[str, Path]:
    """Clips of YouTube by the eleven characters of their id, however they were named."""
    files = list_recordings(folder)
    with_y = {file.stem[1:12]: file for file in files if file.stem.startswith("Y")}
    return {**with_y, **{file.stem[:11]: file for file in files}}


def _item(path: Path, split: str, captions: list[str], whose: str) -> Item:
    return Item(
        path=path,
        kind="audio",
        species_id="",
        split=split,
        licence="unknown",
        attribution=whose,
        captions=tuple(captions),
    )
