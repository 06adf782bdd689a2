"""BEANS (Hagiwara et al. 2022, arXiv 2210.12300): ten tasks, as its scripts leave them.

One task a folder: `cbi`, `watkins`, `enabirds`, ... Classification: tables `*train.csv`,
`*valid.csv` and `*test.csv` of path and label. Detection: `train.jsonl`, ... of path, length and
annotations {"st", "ed", "label"}, heard in overlapping windows; one without a label is background.
Paths begin where the benchmark was run, which may be any folder above. A label is its own name,
unless ebird_taxonomy.csv lies beside.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from edge.contract.errors import DatasetError
from edge.contract.taxonomy import Species
from gallery.data.dataset import Dataset, Item
from gallery.data.ebird import ebird_species
from gallery.data.layout import misplaced
from gallery.data.ranks import thing
from gallery.data.table import dataset, read_rows

_SPLITS = {"train": "train", "valid": "validation", "test": "test"}
_LEAST_OVERLAP = 0.2
"""Of the shorter one of window and annotation."""


@dataclass(frozen=True)
class DetectionTask:
    """Windows and labels of a detection task."""

    window_s: float
    shift_s: float
    labels: frozenset[str] = frozenset()
    """That count; empty: all."""
    other: str = ""
    """What all the others count as."""


_ENABIRDS = (
    "AMCR AMGO AMRE AMRO BAWW BCCH BGGN BHCO BHVI BLJA BTNW BWWA CARW COYE EATO HETH HOWA KEWA "
    "LOWA NOCA NOFL OVEN RBGR RBWO RCKI REVI SCTA SWTH TUTI WBNU WITU WOTH YBCU OTHR"
)
DETECTION = {
    "dcase": DetectionTask(2, 1),
    "enabirds": DetectionTask(2, 1, frozenset(_ENABIRDS.split()), "OTHR"),
    "hiceas": DetectionTask(10, 5),
    "rfcx": DetectionTask(10, 5),
    "hainan_gibbons": DetectionTask(4, 2, frozenset("123"), "1"),
}


def read(folder: Path) -> Dataset:
    """A task's recordings, or the windows of its recordings.

    Raises:
        DatasetError: no table of a known kind is here, a table is damaged, or no sound is here.
    """
    found = [*_rows(folder)]
    if not found:
        named = f"path and label, or train.jsonl in a folder named {', '.join(DETECTION)}"
        why = f"no task of BEANS here: tables have {named}"
        raise misplaced(folder, "annotations.train.csv", why)
    labels = sorted({label for row in found for label in row.labels})
    known = ebird_species(folder)
    species = {label: known.get(label) or thing(label) for label in labels}
    return dataset(folder, species.values(), [_item(folder, row, species) for row in found])


@dataclass(frozen=True)
class LabelledWindow:
    """A recording or a part of one."""

    split: str
    path: str
    labels: tuple[str, ...]
    begin_s: float = 0.0
    end_s: float | None = None


def windows(line: Mapping[str, Any], task: DetectionTask) -> Iterator[tuple[float, list[str]]]:
    """Begin in seconds and labels of each window of an annotated recording.

    A label counts where it fills the window, or shares more than a fifth of the shorter one.
    """
    for number in range(int((line["length"] - task.window_s) / task.shift_s) + 1):
        begin = number * task.shift_s
        heard = [
            str(note["label"])
            for note in line["annotations"]
            if _is_heard(note["st"], note["ed"], begin, begin + task.window_s)
        ]
        named = (
            label if label in task.labels or not task.labels else task.other for label in heard
        )
        yield begin, sorted(set(named))


def _is_heard(begins: float, ends: float, begin: float, end: float) -> bool:
    if begins <= begin and end <= ends:
        return True
    touches = begin <= begins <= end or begin <= ends <= end
    shorter = min(end - begin, ends - begins)
    overlap = min(end, ends) - max(begin, begins)
    return touches and shorter > 0 and overlap / shorter > _LEAST_OVERLAP


def _rows(folder: Path) -> Iterator[LabelledWindow]:
    for part, split in _SPLITS.items():
        for table in sorted(folder.rglob(f"*{part}.csv")):
            for row in read_rows(table, ("path", "label")):
                yield LabelledWindow(split, row["path"], (row["label"],))
        if (lines := folder / f"{part}.jsonl").is_file():
            yield from _detection(lines, split)


def _detection(file: Path, split: str) -> Iterator[LabelledWindow]:
    if (task := DETECTION.get(file.parent.resolve().name)) is None:
        raise DatasetError(f"{file}: the folder is named none of {', '.join(DETECTION)}")
    try:
        lines = [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines() if line]
        for line in lines:
            for begin, labels in windows(line, task):
                end = begin + task.window_s
                yield LabelledWindow(
                    split, str(line["path"]), tuple(labels), begin_s=begin, end_s=end
                )
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise DatasetError(
            f"{file}: not lines of path, length and annotations ({error!r})"
        ) from error


def _item(folder: Path, row: LabelledWindow, species: Mapping[str, Species]) -> Item:
    ids = [species[label].species_id for label in row.labels] or [""]
    return Item(
        path=_placed(folder, row.path),
        kind="audio",
        species_id=ids[0],
        split=row.split,
        licence="unknown",
        attribution="BEANS",
        also=tuple(ids[1:]),
        begin_s=row.begin_s,
        end_s=row.end_s,
    )


def _placed(folder: Path, path: str) -> Path:
    """A file where the benchmark was run: in the folder, or in one above."""
    places: Sequence[Path] = [folder, *folder.resolve().parents]
    return next((place / path for place in places if (place / path).is_file()), folder / path)
