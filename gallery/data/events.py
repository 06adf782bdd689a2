"""AudioSet, ESC-50 and UrbanSound8K: sounds of all kinds under class names."""

import csv
from collections.abc import Callable
from pathlib import Path

from edge.contract.errors import DatasetError
from gallery.data.captioned import clips
from gallery.data.dataset import Dataset, Item
from gallery.data.layout import misplaced
from gallery.data.ranks import thing
from gallery.data.table import dataset, read_rows

_PAGE = "https://www.youtube.com/watch?v="
_AUDIOSET = {"balanced_train": "train", "unbalanced_train": "train", "eval": "test"}


def read_audioset(folder: Path, files: dict[str, Path] | None = None) -> Dataset:
    """AudioSet (Gemmeke et al. 2017): `*_segments.csv`, class_labels_indices.csv and clips.

    Args:
        folder: of the corpus.
        files: clips by YouTube id; None looks for recordings.

    Raises:
        DatasetError: no table, or no clip.
    """
    columns = ("mid", "display_name")
    rows = read_rows(folder / "class_labels_indices.csv", columns)
    classes = {row["mid"]: thing(row["display_name"]) for row in rows}
    files, items = clips(folder) if files is None else files, []
    for part, split in _AUDIOSET.items():
        for video, labels in _segments(folder / f"{part}_segments.csv"):
            ids = [classes[label].species_id for label in labels if label in classes] or [""]
            path = files.get(video, folder / video)
            whose = f"YouTube {video}"
            items.append(
                Item(
                    path=path,
                    kind="audio",
                    species_id=ids[0],
                    split=split,
                    licence="unknown",
                    attribution=whose,
                    also=tuple(ids[1:]),
                    url=_PAGE + video,
                )
            )
    if not items:
        raise misplaced(folder, "balanced_train_segments.csv")
    return dataset(folder, classes.values(), items)


def read_esc50(folder: Path) -> Dataset:
    """ESC-50 (Piczak 2015): folds 1 to 3 train, 4 validates, 5 tests.

    Raises:
        DatasetError: meta/esc50.csv or every clip is missing.
    """
    names = ("filename", "category", "src_file")
    return _in_folds(
        folder, table=folder / "meta" / "esc50.csv", names=names, folds=5, place=lambda fold: ""
    )


def read_urbansound8k(folder: Path) -> Dataset:
    """UrbanSound8K (Salamon et al. 2014): folds 1 to 8 train, 9 validates, 10 tests.

    Raises:
        DatasetError: metadata/UrbanSound8K.csv or every clip is missing.
    """
    names = ("slice_file_name", "class", "fsID")
    table = folder / "metadata" / "UrbanSound8K.csv"
    return _in_folds(folder, table=table, names=names, folds=10, place=lambda fold: f"fold{fold}")


def _in_folds(
    folder: Path, table: Path, names: tuple[str, str, str], folds: int, place: Callable[[str], str]
) -> Dataset:
    """Clips of Freesound in folds: the last tests, the one before validates.

    Args:
        folder: of the corpus.
        table: a row a clip.
        names: columns of file, class and Freesound's number.
        folds: how many there are.
        place: the folder below `audio` that holds a fold's clips.
    """
    name, label, source = names
    rows = read_rows(table, (*names, "fold"))
    classes = {row[label]: thing(row[label]) for row in rows}
    items = [
        Item(
            path=folder / "audio" / place(row["fold"]) / row[name],
            kind="audio",
            species_id=classes[row[label]].species_id,
            split=_split(int(row["fold"]), folds),
            licence="CC-BY-NC-3.0",
            attribution=f"Freesound {row[source]}",
            part=f"fold{row['fold']}",
        )
        for row in rows
    ]
    return dataset(folder, classes.values(), items)


def _split(fold: int, folds: int) -> str:
    return {folds: "test", folds - 1: "validation"}.get(fold, "train")


def _segments(file: Path) -> list[tuple[str, list[str]]]:
    """Video and labels of each line of `# YTID, start_seconds, end_seconds, positive_labels`."""
    if not file.is_file():
        return []
    with file.open(encoding="utf-8", newline="") as lines:
        rows = csv.reader((line for line in lines if line[0] != "#"), skipinitialspace=True)
        try:
            return [(video, labels.split(",")) for video, _, _, labels in rows]
        except (ValueError, csv.Error) as error:
            raise DatasetError(f"{file}: not AudioSet's lines of four fields ({error})") from error
