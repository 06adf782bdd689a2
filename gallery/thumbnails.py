"""Pictures beside a gallery: thumbnails, or only whose they are and where each can be found."""

import shutil
from collections import Counter
from collections.abc import Collection
from pathlib import Path
from typing import TYPE_CHECKING

from edge.contract.atomic import write_atomic
from edge.contract.gallery import GalleryRow
from edge.recognition.pictures import open_picture, thumbnail
from gallery.records import PictureRecord

if TYPE_CHECKING:
    from PIL import Image


class Links:
    """Keeps the table of pictures that are not shipped."""

    def __init__(self) -> None:
        self.rows: list[GalleryRow] = []

    def note(self, key: bytes, image: "Image.Image") -> None:
        """Ship nothing of a picture."""

    def keep(self, key: bytes, small: bytes) -> None:
        """Ship nothing of its thumbnail, either."""

    def add(self, record: PictureRecord, key: bytes) -> None:
        """Note one picture."""
        self.rows.append(_entry(record, ""))

    def join(self, folder: Path) -> None:
        """Leave the pictures of the earlier gallery as they are."""

    def replace(self, folder: Path) -> None:
        """Leave no picture of an earlier gallery."""
        shutil.rmtree(folder, ignore_errors=True)


class Thumbnails:
    """Writes `species_id_NN.jpg` for each picture that is added, and keeps the table.

    Args:
        folder: of thumbnails by the hash of their pictures' files; an interrupted build finds
            those again that it has made. `join` or `replace` puts them in their place.
        taken: names that are given already.
    """

    def __init__(self, folder: Path, taken: Collection[str] = ()) -> None:
        self._folder, self._taken = folder, taken
        self._count: Counter[str] = Counter()
        self._keys: dict[str, bytes] = {}
        self.rows: list[GalleryRow] = []
        folder.mkdir(parents=True, exist_ok=True)

    def note(self, key: bytes, image: "Image.Image") -> None:
        """Keep the thumbnail of a picture that is open."""
        self.keep(key, thumbnail(image))

    def keep(self, key: bytes, small: bytes) -> None:
        """Keep a thumbnail that is made already."""
        write_atomic(self._file(key), small)

    def add(self, record: PictureRecord, key: bytes) -> None:
        """Add one picture, by the hash of its file.

        Raises:
            PictureError: it was embedded before, and can't be opened any more.
        """
        if not self._file(key).is_file():
            self.note(key, open_picture(record.path))
        name = self._next(record.species_id)
        self._keys[name] = key
        self.rows.append(_entry(record, name))

    def join(self, folder: Path) -> None:
        """Put the thumbnails of what was added beside a folder's own."""
        folder.mkdir(exist_ok=True)
        for name, key in self._keys.items():
            shutil.copyfile(self._file(key), folder / name)
        shutil.rmtree(self._folder)

    def replace(self, folder: Path) -> None:
        """Replace a folder of thumbnails by those of what was added."""
        shutil.rmtree(folder, ignore_errors=True)
        self.join(folder)

    def _file(self, key: bytes) -> Path:
        return self._folder / f"{key.hex()}.jpg"

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
