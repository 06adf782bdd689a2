"""WebDataset: shards of tar, whose recordings are read where they lie and never unpacked.

`*.tar` in the folder, or in folders named by their split (train, validation or valid, test); each
sample is a sound and a JSON object of the same name: `000017.flac` and `000017.json` with
scientific_name (or species), and, where they are known, common_name, class, split, license,
attribution and url. A name that is empty is background.
"""

import json
import tarfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tqdm import tqdm

from edge.contract.errors import DatasetError
from edge.contract.taxonomy import Species
from gallery.data.dataset import Dataset, Item
from gallery.data.layout import misplaced
from gallery.data.ranks import named
from gallery.data.table import dataset

_SOUNDS = ("flac", "wav", "ogg", "opus", "mp3")
_SPLITS = {"train": "train", "validation": "validation", "valid": "validation", "test": "test"}


def read(folder: Path) -> Dataset:
    """Samples of all shards, in their order.

    Raises:
        DatasetError: there is no shard, or one is damaged or has no such samples.
    """
    shards = sorted(folder.rglob("*.tar"))
    if not shards:
        raise misplaced(folder, "train/000000.tar")
    species, items = dict[str, Species](), list[Item]()
    for shard in tqdm(shards, "shards", disable=None):
        for note, span in _samples(shard):
            kind = _species(note)
            if kind is not None:
                species[kind.species_id] = kind
            items.append(_item(shard, note, span, kind.species_id if kind else ""))
    return dataset(folder, species.values(), items)


def _samples(shard: Path) -> Iterator[tuple[dict[str, Any], tuple[int, int]]]:
    """Notes on the sounds, and the bytes of each in the shard."""
    notes, spans = dict[str, dict[str, Any]](), dict[str, tuple[int, int]]()
    try:
        with tarfile.open(shard, "r:") as archive:
            for member in archive:
                key, _, kind = member.name.rpartition(".")
                if kind in _SOUNDS:
                    spans[key] = member.offset_data, member.offset_data + member.size
                elif kind == "json" and (content := archive.extractfile(member)):
                    notes[key] = dict(json.load(content))
    except (OSError, EOFError, tarfile.TarError, ValueError, TypeError) as error:
        raise DatasetError(f"{shard}: damaged ({error}); copy it again") from error
    both = [key for key in spans if key in notes]
    if not both:
        raise DatasetError(
            f"{shard}: expected samples such as 000017.flac and 000017.json, found "
            f"{len(spans)} sounds and {len(notes)} JSON objects without the other"
        )
    yield from ((notes[key], spans[key]) for key in both)


def _species(note: dict[str, Any]) -> Species | None:
    name = str(note.get("scientific_name") or note.get("species") or "")
    if not name:
        return None
    return named(name, str(note.get("common_name") or ""), str(note.get("class") or ""))


def _item(shard: Path, note: dict[str, Any], span: tuple[int, int], species_id: str) -> Item:
    split = str(note.get("split") or shard.parent.name)
    return Item(
        path=shard,
        kind="audio",
        species_id=species_id,
        split=_SPLITS.get(split, "train"),
        licence=str(note.get("license") or "unknown"),
        attribution=str(note.get("attribution") or "unknown"),
        url=str(note.get("url") or ""),
        span=span,
    )
