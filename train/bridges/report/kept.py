"""Folders of a report: made once, and taken again only while they rest on the same things."""

import hashlib
import json
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

from edge.contract.atomic import write_atomic
from edge.contract.errors import ConfigError
from gallery.data.corpora import open_dataset
from gallery.data.table import read_json
from gallery.teacher import load_teacher
from train.bridges.clips import open_clips
from train.engine.terms import digest


def sources(config: Any) -> dict[str, str]:
    """Digests of all that a training learns from and begins as, wherever it lies.

    Raises:
        BirdlistenError: clips, pictures or teacher can't be used.
    """
    found = {
        "clips of data": clips_digest(config.data),
        "weights of teacher": load_teacher(config.teacher).space_id,
        "weights of student": weights_digest(Path(config.student)),
    }
    if pictures := getattr(config, "pictures", ""):
        found["files of pictures"] = data_digest(pictures)
    return found


def clips_digest(name: str) -> str:
    """Tells a corpus of clips and their labels, by names and sizes.

    Raises:
        DatasetError: it can't be used.
    """
    return _files((clip.path, f"{clip.label} {clip.split}") for clip in open_clips(name).clips)


def data_digest(name: str) -> str:
    """Tells a data set's files and their labels, by names and sizes.

    Raises:
        DatasetError: it can't be used.
    """
    items = open_dataset(name).items
    return _files((item.path, f"{item.species_id} {item.split}") for item in items)


def weights_digest(folder: Path) -> str:
    """Tells the weights that lie in a folder; empty for what is none."""
    files = sorted(folder.glob("*.safetensors"))
    return _files((file, hashlib.sha256(file.read_bytes()).hexdigest()) for file in files)


def made_once(folder: Path, terms: Mapping[str, Any], make: Callable[[], object]) -> Path:
    """Make a folder, or take the one that lies there.

    Args:
        folder: that `make` writes, as its last act.
        terms: everything that it depends on, JSON-ready.
        make: called once.

    Raises:
        ConfigError: the one that lies there is of other terms.
    """
    file = folder.with_name(f"{folder.name}.terms.json")
    if folder.is_dir():
        check_terms(file, read_json(file) if file.is_file() else {}, terms)
        return folder
    write_note(file, terms)
    make()
    return folder


def write_note(file: Path, note: Mapping[str, Any]) -> None:
    """Write a note as JSON; its folder is made if need be."""
    file.parent.mkdir(parents=True, exist_ok=True)
    write_atomic(file, (json.dumps(note, indent=1) + "\n").encode())


def check_terms(file: Path, before: Mapping[str, Any], now: Mapping[str, Any]) -> None:
    """Refuse what was made of other things.

    Raises:
        ConfigError: it was; names what differs.
    """
    told = json.loads(json.dumps(dict(now)))  # as those before were kept
    changed = [name for name, value in told.items() if before.get(name) != value]
    if changed:
        raise ConfigError(
            f"{file}: of other settings or content: {', '.join(changed)}; give another --runs, or "
            f"delete {file.parent}"
        )


def _files(found: Iterable[tuple[Path, str]]) -> str:
    told = [(path.name, path.stat().st_size, label) for path, label in found]
    return digest(*map(repr, told)) if told else ""
