"""Errors of a folder that is laid out otherwise: a path expected, and one that is there."""

import os
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

from edge.contract.errors import DatasetError

_LOOKED_AT = 10_000
"""Files, at most."""


def misplaced(folder: Path, expected: str, why: str = "") -> DatasetError:
    """An error with one path that a reader expected and one that it found.

    Args:
        folder: of the corpus.
        expected: a path in it.
        why: what isn't right, if that is more than the path's absence.
    """
    if not folder.is_dir():
        return DatasetError(f"{folder}: no such folder")
    told = f"{why}; " if why else ""
    return DatasetError(
        f"{folder}: {told}expected e.g. {expected}, found {_example(folder, Path(expected).suffix)}"
    )


def _example(folder: Path, suffix: str) -> str:
    """A file of the wanted kind if there is one, or any."""
    files = list(islice(_files(folder), _LOOKED_AT))
    alike = (file for file in files if file.suffix == suffix)
    found = next(alike, files[0] if files else None)
    return f"e.g. {found.relative_to(folder)}" if found else "no file"


def _files(folder: Path) -> Iterator[Path]:
    for parent, folders, names in os.walk(folder):
        folders.sort()
        yield from (Path(parent) / name for name in sorted(names) if not name.startswith("."))
