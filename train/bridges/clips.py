"""Video clips of a corpus: file, species, split, captions, licence.

```
ssw60video:DIR   SSW60's video_ml.csv (Van Horn et al. 2022), and the aviary's
videos:DIR       a folder a species, below a folder of each split or without: then all is train
audioset:DIR     AudioSet (Gemmeke et al. 2017): *_segments.csv, class_labels_indices.csv, clips
audiocaps:DIR    AudioCaps (Kim et al. 2019): train.csv, val.csv, test.csv, clips
recordings:DATA  recordings of any data set of train.distill's, which are heard only: DATA is a
                 folder of our own or again KIND:FOLDER
```
"""

import os
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from edge.contract.errors import DatasetError
from edge.contract.names import nearest
from edge.contract.taxonomy import Taxonomy
from gallery.data import captioned, events, ssw60
from gallery.data.corpora import open_dataset
from gallery.data.dataset import Dataset, Item
from gallery.data.folders import SPLITS
from gallery.data.layout import misplaced
from gallery.data.ranks import named
from gallery.data.table import dataset
from gallery.data.taxon import of_taxon
from train.bridges.video import SUFFIXES

_RECORDINGS = "recordings"
_YOUTUBE = 11
"""Characters of a YouTube id."""


@dataclass(frozen=True, kw_only=True)
class VideoClip:
    """One clip: pictures with the sound that was heard meanwhile."""

    path: Path
    recording: str
    """Name that tables call it by, such as SSW60's asset id or a YouTube id."""
    species: tuple[str, ...]
    """Ids: first whom it shows or sings, then others that are in it; may be empty."""
    split: str
    captions: tuple[str, ...] = ()
    licence: str
    attribution: str
    individual: str = ""

    @property
    def label(self) -> str:
        """Id of the species that it is of; empty if nobody named it."""
        return self.species[0] if self.species else ""

    @property
    def item(self) -> Item:
        """The clip as the caches of sounds know it."""
        return Item(
            path=self.path,
            kind="video",
            species_id=self.label,
            split=self.split,
            licence=self.licence,
            attribution=self.attribution,
            captions=self.captions,
        )


@dataclass(frozen=True, kw_only=True)
class RecordedClip(VideoClip):
    """A recording, or a part of one, that nobody filmed."""

    source: Item

    @property
    def item(self) -> Item:
        """The recording itself."""
        return self.source


@dataclass(frozen=True, kw_only=True)
class ClipSet:
    """Clips of a corpus in its order, and the species they are of."""

    name: str
    path: Path
    taxonomy: Taxonomy
    clips: tuple[VideoClip, ...]
    synthetic: bool = False

    def select(self, split: str, held_out: Iterable[str] = ()) -> list[VideoClip]:
        """Clips of a split in which none of the held-out species is.

        Raises:
            DatasetError: there is none, or a held-out species is unknown.
        """
        without = set(held_out)
        if unknown := sorted(without - set(self.taxonomy.ids)):
            raise DatasetError(f"held_out: not in the taxonomy of {self.path}: {unknown}")
        found = [
            clip for clip in self.clips if clip.split == split and without.isdisjoint(clip.species)
        ]
        if not found:
            there = ", ".join(sorted({clip.split for clip in self.clips}))
            raise DatasetError(f"{self.path}: no clips in split {split!r}; it has {there}")
        return found


def check_named(clips: Iterable[VideoClip], wanted_for: str) -> None:
    """Refuse clips without a species, or with one that isn't told first.

    Args:
        clips: any.
        wanted_for: the setting or method that needs names, for the error.

    Raises:
        DatasetError: a clip has none; names the first, and how many there are.
    """
    nameless = [clip for clip in clips if not clip.label]
    if nameless:
        raise DatasetError(
            f"{wanted_for}: needs a species of every clip; {len(nameless)} have none, first "
            f"{nameless[0].path}"
        )


def open_clips(name: str, taxon: str = "") -> ClipSet:
    """Read a corpus of clips; its files are opened when they are needed.

    Args:
        name: see above.
        taxon: only species of it, such as `Aves`; empty takes all.

    Raises:
        DatasetError: no such kind, or the folder isn't one.
    """
    kind, colon, rest = name.partition(":")
    if kind == _RECORDINGS and rest:
        return _clip_set(open_dataset(rest, taxon), _recorded, ("audio",))
    if not colon or kind not in _KINDS:
        told = nearest(kind, _KINDS) if colon else ""
        raise DatasetError(
            f"{name}: expected KIND:FOLDER of clips{told}, where KIND is "
            f"{', '.join((*_KINDS, _RECORDINGS))}"
        )
    folder = Path(rest)
    if not folder.is_dir():
        raise DatasetError(f"{folder}: no such folder")
    return _clip_set(of_taxon(_KINDS[kind](folder), taxon))


def _clip_set(
    found: Dataset,
    make: Callable[[Item], VideoClip] | None = None,
    kinds: tuple[str, ...] = ("video", "audio"),
) -> ClipSet:
    clips = tuple((make or _clip)(item) for item in found.items if item.kind in kinds)
    if not clips:
        raise DatasetError(f"{found.path}: no clips here; it has {found.contents}")
    return ClipSet(
        name=found.name,
        path=found.path,
        taxonomy=found.taxonomy,
        clips=clips,
        synthetic=found.synthetic,
    )


def _clip(item: Item) -> VideoClip:
    return VideoClip(**_told(item))


def _recorded(item: Item) -> RecordedClip:
    return RecordedClip(**_told(item), source=item)


def _told(item: Item) -> dict[str, Any]:
    return {
        "path": item.path,
        "recording": item.path.stem,
        "species": tuple(name for name in (item.species_id, *item.also) if name),
        "split": item.split,
        "captions": item.captions,
        "licence": item.licence,
        "attribution": item.attribution,
        "individual": item.individual,
    }


def _ssw60(folder: Path) -> Dataset:
    return ssw60.read(folder, ("video_ml",))


def _videos(folder: Path) -> Dataset:
    parts = {name: split for name, split in SPLITS.items() if (folder / name).is_dir()}
    files = [
        (split, file)
        for name, split in (parts or {"": "train"}).items()
        for file in sorted((folder / name).glob("*/*"))
        if file.suffix.lower() in SUFFIXES
    ]
    if not files:
        raise misplaced(folder, "Cuculus_canorus/x.mp4")
    species = {file.parent: named(file.parent.name.replace("_", " ")) for _, file in files}
    items = [
        Item(
            path=file,
            kind="video",
            species_id=species[file.parent].species_id,
            split=split,
            licence="unknown",
            attribution="unknown",
        )
        for split, file in files
    ]
    return dataset(folder, species.values(), items)


def _audioset(folder: Path) -> Dataset:
    return events.read_audioset(folder, _of_youtube(folder))


def _audiocaps(folder: Path) -> Dataset:
    return captioned.read_audiocaps(folder, _of_youtube(folder))


def _of_youtube(folder: Path) -> dict[str, Path]:
    """Clips by YouTube id: a video before a sound of the same id."""
    return {**captioned.clips(folder), **{file.stem[:_YOUTUBE]: file for file in _films(folder)}}


def _films(folder: Path) -> Iterator[Path]:
    for parent, folders, names in os.walk(folder):
        folders.sort()
        for name in sorted(names):
            if Path(name).suffix.lower() in SUFFIXES:
                yield Path(parent) / name


_KINDS: dict[str, Callable[[Path], Dataset]] = {
    "ssw60video": _ssw60,
    "videos": _videos,
    "audioset": _audioset,
    "audiocaps": _audiocaps,
}
