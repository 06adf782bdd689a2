"""Embedding of picture files, each once: what the tower has seen before comes from the cache."""

import hashlib
import logging
from collections.abc import Callable, Iterator
from pathlib import Path

from edge.contract.editing import PICTURES
from edge.contract.errors import PictureError, in_words
from edge.contract.gallery import Gallery
from edge.contract.manifest import IMAGE_ENCODER, Manifest
from edge.recognition.picture_cache import PictureCache, PictureRow, cache_path
from edge.recognition.pictures import PictureEncoder, difference_hash, open_picture, thumbnail

_LOG = logging.getLogger(__name__)
_PART = 1 << 20
_TOLD = 16
"""Characters of a hash that tell one from others."""


class PictureRows:
    """Rows of picture files.

    Args:
        open_tower: opens the image tower, when the first picture needs it.
        cache: of that tower.
    """

    def __init__(self, open_tower: Callable[[], PictureEncoder], cache: PictureCache) -> None:
        self._open, self._cache = open_tower, cache
        self._tower: PictureEncoder | None = None

    def read(self, path: Path) -> tuple[PictureRow, Callable[[], bytes]]:
        """A file's row, and a function that makes its thumbnail.

        Raises:
            PictureError: it can't be used.
        """
        key = file_key(path)
        if known := self._cache.get(key):
            return known, lambda: thumbnail(open_picture(path))
        image = open_picture(path)
        if self._tower is None:
            self._tower = self._open()
        picture = PictureRow(key, difference_hash(image), self._tower.embed([image])[0])
        self._cache.put([picture])
        return picture, lambda: thumbnail(image)


def bundle_rows(folder: Path, manifest: Manifest) -> PictureRows:
    """Rows by a bundle's own image tower, fed as the bundle says."""
    entry = manifest.tower
    fed = hashlib.sha256(repr(manifest.image).encode()).hexdigest()[:_TOLD]
    name = "none" if entry is None else f"{IMAGE_ENCODER}-{entry.sha256[:_TOLD]}-{fed}"
    cache = PictureCache(cache_path(name), manifest.embedding_dim)
    return PictureRows(lambda: PictureEncoder(folder, manifest), cache)


def looks_in(folder: Path, gallery: Gallery, species_id: str) -> Iterator[bytes]:
    """Difference hashes of a species' thumbnails in a bundle, of those that are there."""
    for place in gallery.members.get(species_id, ()):
        picture = gallery.table[place].picture
        if picture and (folder / PICTURES / picture).is_file():
            try:
                yield difference_hash(open_picture(folder / PICTURES / picture))
            except PictureError as error:
                _LOG.debug("%s", error)


def file_key(path: Path) -> bytes:
    """SHA-256 of a file.

    Raises:
        PictureError: it can't be read.
    """
    digest = hashlib.sha256()
    try:
        with path.open("rb") as file:
            while part := file.read(_PART):
                digest.update(part)
    except (OSError, ValueError) as error:
        raise PictureError(f"{path}: not readable ({in_words(error)})") from error
    return digest.digest()
