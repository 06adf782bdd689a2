"""Pictures that go into a gallery, with their credits."""

import logging
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Protocol, TypeVar

from edge.contract.credit import author_name
from edge.contract.errors import DatasetError, PictureError
from edge.contract.taxonomy import Taxonomy
from edge.recognition.pictures import open_picture
from gallery.data.corpora import open_dataset
from gallery.data.dataset import Item
from gallery.data.synonyms import aligned

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
    """A name, as far as the attribution tells one."""
    licence: str


def read_records(
    data: str | Path, taxonomy: Taxonomy, split: str | None = None
) -> list[PictureRecord]:
    """The pictures of a data set, with their credits.

    Args:
        data: see `gallery.data.corpora`; a manifest needs COLUMNS.
        taxonomy: pictures of other species are left out; one that it knows by another name is not.
        split: take only this split; None takes all.

    Raises:
        DatasetError: there is no picture of a species of the taxonomy.
    """
    opened = aligned(open_dataset(data, columns=COLUMNS), taxonomy)
    pictures = [item for item in opened.items if item.kind == "image"]
    found = [_record(item) for item in pictures if split in (None, item.split)]
    if not found:
        where = f" in split {split!r}" if pictures else ""
        raise DatasetError(f"{data}: no pictures{where} here; it has {opened.contents}")
    known = set(taxonomy.ids)
    strange = sorted({record.species_id for record in found} - known)
    if strange and known.isdisjoint(record.species_id for record in found):
        raise DatasetError(
            f"{data}: the bundle's taxonomy has none of these species: {_listed(strange)}; it "
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


def _record(item: Item) -> PictureRecord:
    return PictureRecord(
        path=item.path,
        species_id=item.species_id,
        url=item.url,
        author=author_name(item.attribution),
        licence=item.licence,
    )
