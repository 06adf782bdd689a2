"""Recordings that a person names: files, and folders with all below them."""

import logging
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from edge.contract.errors import AudioError
from edge.contract.text import counted, well_formed
from edge.source.tree import EXPECTED, read_tree
from edge.system.volume import volume_of

_LOG = logging.getLogger(__name__)


@dataclass(frozen=True)
class RecordingFile:
    """A recording, and what tells it from all others."""

    path: Path
    source: str
    """As it was given, or relative to the folder that was."""
    root: str | None
    """That folder."""
    volume: str | None
    """The file system it lies on; None of a file that isn't there."""

    @property
    def key(self) -> tuple[str, str | None, str | None]:
        """Source, root and volume."""
        return self.source, self.root, self.volume


@dataclass
class Inputs:
    """Recordings to work off, and what is wrong with others."""

    files: list[RecordingFile] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)
    """Inputs that can't be used."""


def find_inputs(paths: Iterable[Path]) -> Inputs:
    """The recordings of files and folders, each once, in order; what is left out is told.

    Raises:
        AudioError: there is none; it says why.
    """
    found = Inputs()
    for path in paths:
        if path.is_dir():
            _add_folder(path, found)
        else:
            found.files.append(RecordingFile(path, well_formed(str(path)), None, _volume(path)))
    found.files = list(dict.fromkeys(found.files))
    if not found.files:
        raise AudioError("; ".join(found.problems) or "no recordings were given")
    for problem in found.problems:
        _LOG.error("%s", problem)
    return found


def file_below(folder: Path, path: Path) -> RecordingFile:
    """A recording of a folder that was given."""
    source = well_formed(path.relative_to(folder).as_posix())
    return RecordingFile(path, source, well_formed(str(folder.resolve())), _volume(path))


def _add_folder(folder: Path, found: Inputs) -> None:
    tree = read_tree(folder)
    found.files += [file_below(folder, path) for path in tree.recordings]
    found.problems += tree.unreadable
    if tree.hidden:
        _LOG.info("%s: %s left out", folder, counted(tree.hidden, "hidden recording"))
    if not tree.recordings:
        found.problems.append(f"{folder}: no audio files here; expected {EXPECTED}")


def _volume(path: Path) -> str | None:
    try:
        return volume_of(path)
    except OSError:
        return None
