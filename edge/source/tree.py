"""Tree of recordings: every one below a folder, without what is none of the user's."""

import logging
import os
from dataclasses import dataclass, field
from pathlib import Path

from edge.contract.errors import AudioError, in_words
from edge.source.suffixes import SUFFIXES

_LOG = logging.getLogger(__name__)
EXPECTED = ", ".join(SUFFIXES[:6])
"""In words, of a folder without any."""
_APPLE = "._"
"""What a Mac writes beside every file on a card that isn't its own."""


@dataclass
class Tree:
    """Recordings below a folder, and what was not looked at."""

    recordings: list[Path] = field(default_factory=list)
    """Sorted."""
    hidden: int = 0
    """Recordings that are hidden, or in hidden folders such as .Trashes."""
    unreadable: list[str] = field(default_factory=list)
    """Folders and links, each with the reason."""


def find_recordings(folder: Path) -> list[Path]:
    """Every recording below a folder, sorted.

    Raises:
        AudioError: there is none.
    """
    tree = read_tree(folder)
    for problem in tree.unreadable:
        _LOG.warning("%s", problem)
    if not tree.recordings:
        hidden = f" but {tree.hidden} hidden ones" if tree.hidden else ""
        raise AudioError(f"{folder}: no audio files here{hidden}; expected {EXPECTED}")
    return tree.recordings


def list_recordings(folder: Path) -> list[Path]:
    """Every recording below a folder, sorted; none if there is none."""
    return read_tree(folder).recordings


def read_tree(folder: Path) -> Tree:
    """Look through a folder; a folder that links lead to again is looked at once."""
    tree = Tree()
    _look(folder, tree, seen=set(), is_hidden=False)
    tree.recordings.sort()
    return tree


def _look(folder: Path, tree: Tree, seen: set[tuple[int, int]], is_hidden: bool) -> None:
    try:
        status = folder.stat()
        if (status.st_dev, status.st_ino) in seen:
            return
        seen.add((status.st_dev, status.st_ino))
        with os.scandir(folder) as entries:
            found = sorted(entries, key=lambda entry: entry.name)
    except OSError as error:
        tree.unreadable.append(f"{folder}: {in_words(error)}")
        return
    for entry in found:
        hidden = is_hidden or entry.name.startswith(".")
        if _is_folder(entry):
            _look(folder / entry.name, tree, seen, hidden)
        elif Path(entry.name).suffix.lower() in SUFFIXES and _is_file(entry):
            _count(folder / entry.name, tree, hidden)


def _count(path: Path, tree: Tree, is_hidden: bool) -> None:
    if not is_hidden:
        tree.recordings.append(path)
    elif not path.name.startswith(_APPLE):
        tree.hidden += 1


def _is_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir()
    except OSError:
        return False


def _is_file(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_file()
    except OSError:
        return False
