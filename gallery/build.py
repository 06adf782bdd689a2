"""Embed pictures of the species once: the gallery of a bundle.

python -m gallery.build BUNDLE --pictures DIR [--teacher NAME] [--split train] [--limit N]
                               [--no-bytes]

BUNDLE comes from `python -m export.onnx`. The teacher must be the one the encoder was distilled
from: the embedding spaces are compared by hash.
"""

import io
import shutil
import sys
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image
from tqdm import tqdm

from edge.command.parser import Parser, positive
from edge.contract.bundle import npy_bytes, read_role, write_bundle
from edge.contract.errors import BundleError
from edge.contract.gallery import Gallery, GalleryRow
from edge.contract.manifest import Manifest, load_manifest
from edge.contract.taxonomy import Taxonomy
from gallery.command import run
from gallery.records import PictureRecord, read_pictures, read_records
from gallery.teacher import Teacher, load_teacher

THUMBNAIL = 320
"""Longest side in pixels."""
_QUALITY = 85


def build(
    bundle: Path,
    pictures: Path,
    teacher: Teacher,
    split: str | None = None,
    limit: int | None = None,
    thumbnails: bool = True,
) -> Manifest:
    """Embed pictures and write rows, table and thumbnails into a bundle.

    Args:
        bundle: holds a manifest and a taxonomy.
        pictures: see `gallery.records.read_records`.
        teacher: must be the one the bundle's encoder was distilled from.
        split: only this split of the pictures' manifest.
        limit: pictures a species at most.
        thumbnails: False ships no picture, only where each can be found.

    Raises:
        BundleError: another embedding space, or no bundle.
        DatasetError: no picture is readable.
    """
    manifest = load_manifest(bundle)
    if teacher.space_id != manifest.space_id:
        raise BundleError(
            f"{bundle}: its encoder hears in space {manifest.space_id:.12}, the teacher "
            f"{teacher.name} sees in {teacher.space_id:.12}; name the right one: --teacher"
        )
    read_role(bundle, manifest, "taxonomy")
    taxonomy = Taxonomy.load(bundle / manifest.roles["taxonomy"].file)
    records = _limited(read_records(pictures, taxonomy, split), limit)
    table = Thumbnails(bundle / ".pictures-new") if thumbnails else Links()
    opened = read_pictures(tqdm(records, "pictures", disable=None))
    rows = teacher.embed_images(table.add(*picture) for picture in opened)
    gallery = Gallery(rows.astype(np.float16), tuple(table.rows))
    contents = {"gallery.rows": npy_bytes(gallery.rows), "gallery.table": gallery.table_csv()}
    written = write_bundle(bundle, manifest, contents)
    table.move_to(bundle / "pictures")
    return written


class Links:
    """Keeps the table of pictures that are not shipped: whose they are, and where."""

    def __init__(self) -> None:
        self.rows: list[GalleryRow] = []

    def add(self, record: PictureRecord, image: Image.Image) -> Image.Image:
        """Note one picture and hand it on."""
        self.rows.append(_entry(record, ""))
        return image

    def move_to(self, folder: Path) -> None:
        """Leave no picture of an earlier gallery."""
        shutil.rmtree(folder, ignore_errors=True)


class Thumbnails:
    """Writes `species_id_NN.jpg` for each picture as it passes, and keeps the table.

    Args:
        folder: written afresh; `move_to` puts it in its place when the gallery stands.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._count: Counter[str] = Counter()
        self.rows: list[GalleryRow] = []
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)

    def add(self, record: PictureRecord, image: Image.Image) -> Image.Image:
        """Write one thumbnail and hand the picture on."""
        self._count[record.species_id] += 1
        name = f"{record.species_id}_{self._count[record.species_id]:02}.jpg"
        (self._folder / name).write_bytes(_jpeg(image))
        self.rows.append(_entry(record, name))
        return image

    def move_to(self, folder: Path) -> None:
        """Replace a folder of thumbnails by the new one."""
        shutil.rmtree(folder, ignore_errors=True)
        self._folder.rename(folder)


def _entry(record: PictureRecord, name: str) -> GalleryRow:
    return GalleryRow(
        species_id=record.species_id,
        picture=name,
        url=record.url,
        author=record.author,
        licence=record.licence,
    )


def _limited(records: list[PictureRecord], limit: int | None) -> list[PictureRecord]:
    taken: Counter[str] = Counter()
    kept = []
    for record in records:
        if limit is None or taken[record.species_id] < limit:
            kept.append(record)
            taken[record.species_id] += 1
    return kept


def _jpeg(image: Image.Image) -> bytes:
    small = image.copy()
    small.thumbnail((THUMBNAIL, THUMBNAIL))
    file = io.BytesIO()
    small.save(file, "JPEG", quality=_QUALITY)
    return file.getvalue()


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command."""
    parser = Parser(prog="python -m gallery.build", description=__doc__)
    parser.add_argument("bundle", type=Path)
    parser.add_argument("--pictures", type=Path, default=Path("data/aviary"))
    parser.add_argument("--teacher", help="default: the one the manifest names")
    parser.add_argument("--split", help="only this split of the pictures' manifest")
    parser.add_argument("--limit", type=positive, help="pictures a species at most")
    parser.add_argument("--no-bytes", action="store_true", help="ship links, not thumbnails")
    args = parser.parse_args(argv)

    def command() -> None:
        teacher = load_teacher(args.teacher or load_manifest(args.bundle).teacher)
        bundle, pictures, thumbnails = args.bundle, args.pictures, not args.no_bytes
        manifest = build(
            bundle,
            pictures=pictures,
            teacher=teacher,
            split=args.split,
            limit=args.limit,
            thumbnails=thumbnails,
        )
        print(bundle / manifest.roles["gallery.rows"].file)

    return run(command)


if __name__ == "__main__":
    sys.exit(main())
