"""Pictures beside a gallery: thumbnails, or only whose they are and where each can be found."""

import shutil
from collections import Counter
from collections.abc import Collection
from pathlib import Path
from typing import TYPE_CHECKING

from edge.contract.gallery import GalleryRow
from edge.recognition.pictures import thumbnail
from gallery.records import PictureRecord

if TYPE_CHECKING:
    from PIL import Image


class Links:
    """Keeps the table of pictures that are not shipped."""

    def __init__(self) -> None:
        self.rows: list[GalleryRow] = []

    def add(self, record: PictureRecord, image: "Image.Image") -> "Image.Image":
        """Note one picture and hand it on."""
        self.rows.append(_entry(record, ""))
        return image

    def join(self, folder: Path, kept: Collection[str]) -> None:
        """Leave the pictures of the earlier gallery as they are."""

    def replace(self, folder: Path) -> None:
        """Leave no picture of an earlier gallery."""
        shutil.rmtree(folder, ignore_errors=True)


class Thumbnails:
    """Writes `species_id_NN.jpg` for each picture as it passes, and keeps the table.

    Args:
        folder: written afresh; `join` or `replace` puts its files in their place.
        taken: names that are given already.
    """

    def __init__(self, folder: Path, taken: Collection[str] = ()) -> None:
        self._folder, self._taken = folder, taken
        self._count: Counter[str] = Counter()
        self.rows: list[GalleryRow] = []
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)

    def add(self, record: PictureRecord, image: "Image.Image") -> "Image.Image":
        """Write one thumbnail and hand the picture on."""
        name = self._next(record.species_id)
        (self._folder / name).write_bytes(thumbnail(image))
        self.rows.append(_entry(record, name))
        return image

    def join(self, folder: Path, kept: Collection[str]) -> None:
        """Put some of the new thumbnails beside a folder's own."""
        folder.mkdir(exist_ok=True)
        for name in kept:
            (self._folder / name).replace(folder / name)
        shutil.rmtree(self._folder)

    def replace(self, folder: Path) -> None:
        """Replace a folder of thumbnails by the new one."""
        shutil.rmtree(folder, ignore_errors=True)
        self._folder.rename(folder)

    def _next(self, species_id: str) -> str:
        while True:
            self._count[species_id] += 1
            name = f"{species_id}_{self._count[species_id]:02}.jpg"
            if name not in self._taken:
                return name


def _entry(record: PictureRecord, name: str) -> GalleryRow:
    return GalleryRow(
        species_id=record.species_id,
        picture=name,
        url=record.url,
        author=record.author,
        licence=record.licence,
    )
