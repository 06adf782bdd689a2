"""Editing of a bundle's gallery: by one program at a time, and taken up by whoever listens."""

import fcntl
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from edge.contract.arrays import Float16s
from edge.contract.bundle import npy_bytes, write_bundle
from edge.contract.errors import BundleError, in_words
from edge.contract.gallery import Gallery, GalleryRow
from edge.contract.manifest import Manifest

PICTURES = "pictures"
"""Folder of a bundle's thumbnails."""


@contextmanager
def editing(folder: Path) -> Iterator[None]:
    """Keep other programs from editing a bundle; listeners read on.

    Raises:
        BundleError: another one is at it, or it can't be opened.
    """
    try:
        handle = os.open(folder, os.O_RDONLY)
    except OSError as error:
        raise BundleError(f"{folder}: no bundle here ({in_words(error)})") from error
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield
    except BlockingIOError as error:
        raise BundleError(f"{folder}: another program is editing it; try again later") from error
    finally:
        os.close(handle)


def put_gallery(
    folder: Path, manifest: Manifest, gallery: Gallery, others: dict[str, bytes] | None = None
) -> Manifest:
    """Replace the gallery of a bundle; the manifest, which comes last, is the swap.

    Args:
        folder: of the bundle.
        manifest: of the bundle.
        gallery: the new one.
        others: further roles to replace with it.
    """
    roles = {"gallery.rows": npy_bytes(gallery.rows), "gallery.table": gallery.table_csv()}
    return write_bundle(folder, manifest, {**roles, **(others or {})})


def joined(gallery: Gallery, rows: Float16s, table: Sequence[GalleryRow]) -> Gallery:
    """A gallery with more rows, float16[n, dim], behind its own."""
    return Gallery(np.concatenate([gallery.rows, rows]), (*gallery.table, *table))


def kept(gallery: Gallery, gone: Sequence[int]) -> Gallery:
    """A gallery without the rows of some numbers."""
    left = np.setdiff1d(np.arange(len(gallery.table)), np.asarray(gone, np.intp))
    return Gallery(gallery.rows[left], tuple(gallery.table[n] for n in left))


def delete_thumbnails(folder: Path, gone: Sequence[GalleryRow], gallery: Gallery) -> None:
    """Delete the thumbnails of rows that are gone, but for those that another row names."""
    shown = {row.picture for row in gallery.table}
    for row in gone:
        if row.picture and row.picture not in shown:
            (folder / PICTURES / row.picture).unlink(missing_ok=True)
