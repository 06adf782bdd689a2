"""The one opening of all data: `KIND:FOLDER`, or several of them.

```
FOLDER                          our own manifest.csv, or folders that are named by their species
inatsounds:FOLDER               a published corpus as it was unpacked
birdset:FOLDER:XCM              one of several that lie in a folder; ssw60:FOLDER:images_inat
inatsounds:A*0.7,xenocanto:B*0.3    several, with the share of each in the windows of a training
```
"""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from edge.contract.errors import DatasetError
from edge.contract.names import nearest
from gallery.data import (
    animalspeak,
    beans,
    birdclef,
    birdset,
    captioned,
    cub,
    events,
    folders,
    inat,
    ssw60,
    webdataset,
    xenocanto,
)
from gallery.data.dataset import REQUIRED, Dataset, read_dataset
from gallery.data.mixture import mixed
from gallery.data.taxon import of_taxon

CORPORA: dict[str, Callable[[Path], Dataset]] = {
    "manifest": read_dataset,
    "folders": folders.read,
    "inatsounds": inat.read_sounds,
    "inat21": inat.read_photographs,
    "ssw60": ssw60.read,
    "birdclef": birdclef.read,
    "xenocanto": xenocanto.read,
    "birdset": birdset.read,
    "animalspeak": animalspeak.read,
    "beans": beans.read,
    "cub": cub.read,
    "nabirds": cub.read_nabirds,
    "audioset": events.read_audioset,
    "audiocaps": captioned.read_audiocaps,
    "clotho": captioned.read_clotho,
    "esc50": events.read_esc50,
    "urbansound8k": events.read_urbansound8k,
    "us8k": events.read_urbansound8k,
    "webdataset": webdataset.read,
}
_SHARED = re.compile(r"(.+?)(?:\*(\d*\.?\d+))?")
_IN_FOLDERS = "birdset"
"""Its parts are folders; those of others are in tables beside each other."""


@dataclass(frozen=True)
class CorpusName:
    """One corpus, as it is named."""

    kind: str
    """Empty for a folder of our own."""
    folder: Path
    part: str = ""
    share: float = 0.0
    """Of the windows of a training; 0 if nothing is said."""


def open_dataset(name: str | Path, taxon: str = "", columns: Sequence[str] = REQUIRED) -> Dataset:
    """Read one corpus, or several as one.

    Args:
        name: see above.
        taxon: only species of it, such as `Aves`; empty takes all.
        columns: that a manifest of our own must have.

    Raises:
        DatasetError: no such kind, or the folder isn't one.
    """
    names = corpus_names(str(name))
    opened = [_read(each, columns) for each in names]
    several = mixed(opened, [each.share for each in names]) if len(opened) > 1 else opened[0]
    return of_taxon(several, taxon)


def corpus_names(text: str) -> list[CorpusName]:
    """Corpora that a text names, with shares that add up to 1, or with none.

    Raises:
        DatasetError: it is no name, or the shares are none.
    """
    pieces = [text] if Path(text).is_dir() else text.split(",")
    names = [_parse(piece.strip(), alone=len(pieces) == 1) for piece in pieces]
    given = sum(each.share for each in names)
    silent = sum(not each.share for each in names)
    if not given:
        return names
    if silent and given >= 1:
        raise DatasetError(
            f"{text}: shares of {given:g} leave nothing for the {silent} without one"
        )
    rest, whole = ((1 - given) / silent, 1.0) if silent else (0.0, given)
    return [replace(each, share=(each.share or rest) / whole) for each in names]


def exists(name: str) -> bool:
    """The folders that a name speaks of are there."""
    return all(each.folder.is_dir() for each in corpus_names(name))


def _parse(piece: str, alone: bool) -> CorpusName:
    found = _SHARED.fullmatch(piece)
    if found is None:
        raise DatasetError("data: expected a folder or KIND:FOLDER, found nothing")
    text, share = (piece, "") if alone and Path(piece).is_dir() else found.groups(default="")
    kind, colon, rest = text.partition(":")
    if not colon or Path(text).is_dir():
        return CorpusName("", Path(text), share=float(share or 0))
    if kind not in CORPORA:
        kinds = ", ".join(CORPORA)
        raise DatasetError(f"{text}: no corpus {kind!r}{nearest(kind, CORPORA)}; there are {kinds}")
    folder, _, part = (rest, "", "") if Path(rest).is_dir() else rest.rpartition(":")
    return CorpusName(kind, Path(folder or rest), part if folder else "", float(share or 0))


def _read(name: CorpusName, columns: Sequence[str]) -> Dataset:
    if not name.kind:
        return _read_own(name.folder, columns)
    if not name.folder.is_dir():
        raise DatasetError(f"{name.folder}: no such folder")
    if name.kind == "manifest":
        return read_dataset(name.folder, columns)
    if name.kind == _IN_FOLDERS and name.part:
        return CORPORA[name.kind](name.folder / name.part)
    opened = CORPORA[name.kind](name.folder)
    return _part_of(opened, name.part) if name.part else opened


def _read_own(folder: Path, columns: Sequence[str]) -> Dataset:
    """Our own tables, or else folders named by their species."""
    if columns is not REQUIRED and not folder.is_dir():
        raise DatasetError(f"{folder}: no such folder")
    if folder.is_dir() and not (folder / "manifest.csv").is_file():
        try:
            return folders.read(folder)
        except DatasetError as error:
            if columns is not REQUIRED:
                needed = ", ".join(columns)
                raise DatasetError(f"{error}; or a manifest.csv with columns {needed}") from error
    return read_dataset(folder, columns)


def _part_of(opened: Dataset, part: str) -> Dataset:
    parts = sorted({item.part for item in opened.items} - {""})
    if part not in parts:
        there = f"there are {', '.join(parts)}" if parts else "it has none"
        raise DatasetError(f"{opened.path}: no part {part!r}{nearest(part, parts)}; {there}")
    return replace(opened, items=tuple(item for item in opened.items if item.part == part))
