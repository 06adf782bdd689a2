"""Pictures that go into a gallery, with their credits."""

import logging
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Protocol, TypeVar

from edge.contract.errors import BundleError, DatasetError, PictureError
from edge.contract.tables import read_table
from edge.contract.taxonomy import Taxonomy, slug
from edge.recognition.pictures import SUFFIXES, open_picture

if TYPE_CHECKING:
    from PIL import Image

_LOG = logging.getLogger(__name__)
COLUMNS = ("path", "kind", "scientific_name", "licence", "attribution")
_NAMED = 5
"""Species of a list that are written out."""


class Pictured(Protocol):
    """Anything that names a picture's file."""

    @property
    def path(self) -> Path:
        """The file."""
        ...


P = TypeVar("P", bound=Pictured)


@dataclass(frozen=True)
class PictureRecord:
    """One picture to embed."""

    path: Path
    species_id: str
    url: str
    author: str
    """On one line."""
    licence: str


def read_records(folder: Path, taxonomy: Taxonomy, split: str | None = None) -> list[PictureRecord]:
    """The pictures of a folder: a data set with manifest.csv, or a folder a species.

    Args:
        folder: `manifest.csv` with the data set's columns, or `Genus_epithet/*.jpg`.
        taxonomy: pictures of other species are left out.
        split: take only this split of a manifest; None takes all.

    Raises:
        DatasetError: there is no picture of a species of the taxonomy.
    """
    manifest = folder / "manifest.csv"
    found = _from_manifest(manifest, split) if manifest.is_file() else _from_folders(folder)
    if not found:
        raise DatasetError(
            f"{folder}: no pictures here; expected a manifest.csv with columns "
            f"{', '.join(COLUMNS)}, or folders such as Cuculus_canorus/ with .jpg files"
        )
    known = set(taxonomy.ids)
    strange = sorted({record.species_id for record in found} - known)
    if strange and known.isdisjoint(record.species_id for record in found):
        raise DatasetError(
            f"{folder}: the bundle's taxonomy has none of these species: {_listed(strange)}; it "
            f"has {len(known)}, and a new one must be named when its encoder is distilled"
        )
    if strange:
        _LOG.warning("left out, not in the bundle's taxonomy: %s", _listed(strange))
    return [record for record in found if record.species_id in known]


def _listed(names: list[str]) -> str:
    more = f", and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
    return ", ".join(names[:_NAMED]) + more


def read_pictures(records: Iterable[P]) -> Iterator[tuple[P, "Image.Image"]]:
    """Open pictures one after the other; unreadable ones are named, counted and left out.

    Raises:
        DatasetError: not one is readable.
    """
    opened = skipped = 0
    for record in records:
        try:
            image = open_picture(record.path)
        except PictureError as error:
            _LOG.warning("%s; skipped", error)
            skipped += 1
        else:
            opened += 1
            yield record, image
    if not opened:
        raise DatasetError("none of the pictures is readable; see the lines above")
    if skipped:
        _LOG.warning("%d of %d pictures left out", skipped, skipped + opened)


def _from_manifest(manifest: Path, split: str | None) -> list[PictureRecord]:
    try:
        rows = read_table(manifest, COLUMNS)
    except BundleError as error:
        raise DatasetError(f"{manifest.parent}: {error}") from error
    return [
        PictureRecord(
            path=manifest.parent / row["path"],
            species_id=slug(row["scientific_name"]),
            url=row.get("url", ""),
            author=" ".join(row["attribution"].split()),
            licence=row["licence"],
        )
        for row in rows
        if row["kind"] == "image" and split in (None, row.get("split"))
    ]


def _from_folders(folder: Path) -> list[PictureRecord]:
    if not folder.is_dir():
        raise DatasetError(f"{folder}: no such folder")
    files = sorted(file for file in folder.glob("*/*") if file.suffix.lower() in SUFFIXES)
    return [
        PictureRecord(
            path=file,
            species_id=slug(file.parent.name.replace("_", " ")),
            url="",
            author="unknown",
            licence="unknown",
        )
        for file in files
    ]
