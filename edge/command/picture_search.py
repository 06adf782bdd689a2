"""Pictures that a search is among: opened by name, and printed with their credit."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace

from edge.command.picture_show import picture_files
from edge.config import Settings
from edge.contract.bundle import Bundle
from edge.contract.errors import ConfigError
from edge.contract.text import json_line
from edge.recognition.picture_table import LANCE, open_table
from edge.recognition.similar_pictures import GalleryPictures, PictureIndex, SimilarPicture
from edge.system.terminal import complain, say, say_row

GALLERY = "gallery"
"""Name of the bundle's own pictures."""


@dataclass(frozen=True, kw_only=True)
class _FoundPicture:
    """A picture as it is printed."""

    similarity: float
    species_id: str
    scientific_name: str
    common_name: str | None
    """None: the bundle doesn't know the species."""
    bundle: str
    """Name of the one that has it."""
    file: str | None
    """In that bundle."""
    path: str | None
    """Absolute; None: it isn't here."""
    url: str | None
    author: str
    licence: str

    def __str__(self) -> str:
        """`0.812  Common Cuckoo  /birds/pictures/a.jpg  Ann, CC-BY-4.0`."""
        name = self.common_name or self.scientific_name
        place = self.path or self.url or self.file or ""
        credit = ", ".join(filter(None, (self.author, self.licence)))
        return "  ".join(filter(None, (f"{self.similarity:6.3f}", name, place, credit)))


def open_pictures(within: str, bundle: Bundle) -> PictureIndex:
    """The pictures that a name stands for, in the bundle's space.

    Args:
        within: `gallery`, or `lance:` with a folder or URL.
        bundle: that makes the query.

    Raises:
        BundleError: the table can't be read, or is of another space.
        ConfigError: nothing is called so.
        MissingPackageError: LanceDB is not installed.
    """
    if within == GALLERY:
        return GalleryPictures(bundle)
    place = within.removeprefix(LANCE)
    if place in ("", within):
        raise ConfigError(f"--in: expected {GALLERY}, {LANCE}DIR or {LANCE}URL, found {within!r}")
    table = open_table(place)
    table.check_space(bundle.manifest.space_id, f"bundle {bundle.manifest.name}")
    return table


def say_pictures(settings: Settings, bundle: Bundle, found: Sequence[SimilarPicture]) -> int:
    """Print pictures, best first; 1 if there are none."""
    files, species = picture_files(settings), bundle.taxonomy.by_id()
    own = set(bundle.gallery.table)
    for similar in found:
        row, known = similar.row, species.get(similar.row.species_id)
        # Bundles number the pictures of a species alike: another's file may bear the same name.
        is_own = similar.bundle == bundle.manifest.name and row in own
        path = files.path(row if is_own else replace(row, picture=""))
        picture = _FoundPicture(
            similarity=round(similar.similarity, 4),
            species_id=row.species_id,
            scientific_name=similar.scientific_name,
            common_name=known.common_name if known else None,
            bundle=similar.bundle,
            file=row.file,
            path=None if path is None else str(path),
            url=row.url or None,
            author=row.author,
            licence=row.licence,
        )
        say(json_line(asdict(picture))) if settings.json else say_row(str(picture))
    if not found:
        complain("no picture there to compare with")
    return 0 if found else 1
