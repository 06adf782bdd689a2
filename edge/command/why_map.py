"""`birdlisten why ID --map FILE`: the part of each picture of a record that matches its sound."""

import logging
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from edge.config import Settings
from edge.contract.arrays import Float16s
from edge.contract.atomic import write_atomic
from edge.contract.errors import BundleError, ConfigError, PictureError
from edge.contract.manifest import PICTURE_MAP, load_manifest
from edge.recognition.picture_map import PictureMap
from edge.recognition.pictures import SUFFIXES, check_pillow, open_picture
from edge.recognition.tower_file import check_tower
from edge.records.detection import Detection, Picture
from edge.records.picture_files import PictureFiles
from edge.records.reader import RecordReader
from edge.report.map_sheet import MappedPicture, sheet_of_maps

if TYPE_CHECKING:
    from edge.recognition.pictures import Image

_LOG = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class StrongestPlace:
    """Place of a picture that is most like the sound of a record."""

    picture: str
    """Absolute path."""
    x: float
    """Share of the width, from the left."""
    y: float
    """Share of the height, from the top."""
    most: float
    """Cosine there, mean over the record's windows."""
    least: float
    """Of the place that is least like it."""

    def __str__(self) -> str:
        where = f"{self.x:.2f} of width, {self.y:.2f} of height"
        return f"strongest place: {where}, {self.most:.3f} (least {self.least:.3f}), {self.picture}"


class RecordMap:
    """Drawing of a record's pictures with their maps.

    Args:
        settings: name the bundle.
        file: of the drawing.

    Raises:
        ConfigError: the file's suffix is no picture's.
        BundleError: no bundle, or it has no picture map.
        MissingPackageError: Pillow is not installed.
    """

    def __init__(self, settings: Settings, file: Path) -> None:
        if file.suffix.lower() not in SUFFIXES:
            raise ConfigError(f"--map {file}: expected a name that ends in {', '.join(SUFFIXES)}")
        check_pillow()
        self._file, self._folder = file, settings.bundle_path
        self._manifest = load_manifest(self._folder)
        check_tower(self._folder, self._manifest, PICTURE_MAP)

    def draw(
        self, record: Detection, files: PictureFiles, records: RecordReader
    ) -> list[StrongestPlace]:
        """Draw the pictures that are here.

        Returns:
            The strongest place of each.

        Raises:
            StoreError: its windows are not kept any more.
            BundleError: another encoder has heard it, or the network is damaged.
            PictureError: none of its pictures is here, or can be opened.
        """
        windows = self._windows(record, records)
        opened = list(_opened(record, files))
        network = PictureMap(self._folder, self._manifest)
        mapped = [
            MappedPicture(image, network.similarity(image, windows), _credit(picture))
            for picture, _, image in opened
        ]
        title = f"{record.common_name} ({record.scientific_name}): likeness of places to the sound"
        write_atomic(self._file, sheet_of_maps(title, mapped, self._file.suffix))
        paths = [path for _, path, _ in opened]
        return [_strongest(*pair) for pair in zip(paths, mapped, strict=True)]

    def _windows(self, record: Detection, records: RecordReader) -> Float16s:
        """Embeddings of the record's windows, float16[n, dim]."""
        if record.model_id != self._manifest.model_id:
            raise BundleError(
                f"{record.id} was heard with {record.bundle}, whose encoder is another one than "
                f"that of {self._folder}; name its bundle: --bundle"
            )
        rows = records.evidence(record.id).rows
        if rows.shape[1] != self._manifest.embedding_dim:
            expected = self._manifest.embedding_dim
            raise BundleError(f"{record.id}: has {rows.shape[1]} numbers, expected {expected}")
        return rows


def _opened(record: Detection, files: PictureFiles) -> Iterator[tuple[Picture, Path, "Image"]]:
    """The pictures that are here and can be opened; at least one."""
    here = [(picture, path) for picture in record.pictures if (path := files.path(picture))]
    faults = list[str]()
    for picture, path in here:
        try:
            yield picture, path, open_picture(path)
        except PictureError as error:
            faults.append(str(error))
            _LOG.warning("%s", error)
    if not here:
        fetch = "fetch them: birdlisten gallery pictures"
        raise PictureError(f"{record.id}: none of its pictures is here; {fetch}")
    if len(faults) == len(here):
        raise PictureError(f"{record.id}: none of its pictures can be opened")


def _credit(picture: Picture) -> str:
    return f"{picture.similarity:.3f}  {picture.author}, {picture.licence}"


def _strongest(path: Path, picture: MappedPicture) -> StrongestPlace:
    (x, y), similarity = picture.similarity.strongest, picture.similarity
    return StrongestPlace(
        picture=str(path),
        x=round(x, 3),
        y=round(y, 3),
        most=round(similarity.most, 4),
        least=round(similarity.least, 4),
    )
