"""Recordings that a person names: files, and folders with all below them, here or in a store."""

import logging
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from edge.analysis.recording_file import RecordingFile
from edge.analysis.remote import find_remote
from edge.contract.errors import AudioError
from edge.contract.text import counted, well_formed
from edge.source.tree import EXPECTED, read_tree
from edge.system.volume import volume_of

_LOG = logging.getLogger(__name__)


@dataclass
class Inputs:
    """Recordings to work off, and what is wrong with others."""

    files: list[RecordingFile] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)
    """Inputs that can't be used."""


def find_inputs(paths: Iterable[Path | str]) -> Inputs:
    """The recordings of files and folders, each once, in order; what is left out is told.

    Args:
        paths: of files and folders; texts are URLs of an object store.

    Raises:
        AudioError: there is none; it says why.
        MissingPackageError: a URL is given, and pyarrow is not installed.
    """
    found = Inputs()
    for path in paths:
        if isinstance(path, str):
            _add_remote(path, found)
        elif path.is_dir():
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


def _add_remote(url: str, found: Inputs) -> None:
    try:
        found.files += find_remote(url)
    except AudioError as error:
        found.problems.append(str(error))


def _volume(path: Path) -> str | None:
    try:
        return volume_of(path)
    except OSError:
        return None
