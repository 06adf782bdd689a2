"""`birdlisten gallery add|replace`: pictures of known species into a bundle's gallery."""

import logging
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import numpy as np

from edge.command.gallery_place import edited
from edge.command.gallery_sources import Credit, PictureSources, SourcePicture
from edge.config import Settings
from edge.contract.atomic import write_atomic
from edge.contract.bundle import Bundle
from edge.contract.credit import UNKNOWN
from edge.contract.editing import PICTURES, delete_thumbnails, joined, kept, put_gallery
from edge.contract.errors import PictureError
from edge.contract.gallery import Gallery, GalleryRow
from edge.contract.text import counted, json_line
from edge.recognition.picture_cache import PictureRow
from edge.recognition.picture_intake import NEAR, NEW, SAME, PictureIntake, same_cosine
from edge.recognition.picture_rows import PictureRows, bundle_rows, looks_in
from edge.recognition.tower_file import check_tower
from edge.system.progress import ProgressBar
from edge.system.terminal import say

_LOG = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class PicturesRequest:
    """Pictures as a person gives them."""

    sources: Sequence[Path]
    named: str | None = None
    """Their species; None: folders and tables tell."""
    author: str = UNKNOWN
    licence: str = UNKNOWN
    target: Path | None = None
    """Folder of a copy that is edited; None edits the bundle."""


@dataclass
class Taken:
    """Outcome of reading pictures."""

    rows: list[PictureRow] = field(default_factory=list)
    table: list[GalleryRow] = field(default_factory=list)
    count: Counter[str] = field(default_factory=Counter)
    """Pictures by fate."""
    unusable: int = 0


def add(settings: Settings, request: PicturesRequest) -> int:
    """Add pictures to those that the bundle has; 1 if a file could not be used.

    Raises:
        BirdlistenError: none can be used, or the bundle has no image tower.
    """
    return _take(settings, request, replacing=False)


def replace_pictures(settings: Settings, request: PicturesRequest) -> int:
    """The same, in place of all pictures that the bundle has of their species."""
    return _take(settings, request, replacing=True)


def _take(settings: Settings, request: PicturesRequest, replacing: bool) -> int:
    with edited(settings, request.target) as bundle:
        credit = Credit(author=request.author, licence=request.licence)
        sources = PictureSources(bundle.taxonomy, request.named, credit).read(request.sources)
        check_tower(bundle.path, bundle.manifest)
        theirs = _rows_of(bundle.gallery, sources) if replacing else []
        compared = kept(bundle.gallery, theirs)
        taken = _read(bundle, compared, sources, shown=not settings.quiet)
        if taken.unusable == len(sources):
            raise PictureError("none of the pictures can be used; nothing was changed")
        new = {row.species_id for row in taken.table}
        # A species of whose new pictures none can be used keeps what it has.
        gone = [n for n in theirs if bundle.gallery.table[n].species_id in new]
        if new:
            _write(bundle, taken, gone)
    _tell(bundle, taken, gone, settings.json)
    return 1 if taken.unusable else 0


def _rows_of(gallery: Gallery, sources: Sequence[SourcePicture]) -> list[int]:
    """Rows of the species that pictures are of."""
    species = {source.species.species_id for source in sources}
    return [n for n, row in enumerate(gallery.table) if row.species_id in species]


def _read(
    bundle: Bundle, compared: Gallery, sources: Sequence[SourcePicture], shown: bool
) -> Taken:
    """Embed pictures, and write the thumbnails of new ones: nothing names them yet."""
    rows = bundle_rows(bundle.path, bundle.manifest)
    intake = PictureIntake(
        compared,
        looks=partial(looks_in, bundle.path, compared),
        same=same_cosine(bundle.manifest),
    )
    names = FreeNames(row.picture for row in bundle.gallery.table)
    taken = Taken()
    (bundle.path / PICTURES).mkdir(exist_ok=True)
    with ProgressBar(len(sources), shown) as bar:
        for number, source in enumerate(sources, start=1):
            _read_one(bundle.path, rows, intake, names=names, source=source, taken=taken)
            bar.advance(1, f"{number} of {counted(len(sources), 'picture')}")
    return taken


def _read_one(
    folder: Path,
    rows: PictureRows,
    intake: PictureIntake,
    *,
    names: "FreeNames",
    source: SourcePicture,
    taken: Taken,
) -> None:
    species_id = source.species.species_id
    try:
        picture, small = rows.read(source.path)
        fate = intake.take(species_id, picture)
        taken.count[fate] += 1
        if fate == NEW:
            name = names.next(species_id)
            write_atomic(folder / PICTURES / name, small())
            taken.rows.append(picture)
            taken.table.append(_entry(source, name))
        elif fate == NEAR:
            _LOG.warning("%s: nearly the same as another picture; left out", source.path)
    except PictureError as error:
        _LOG.error("%s; skipped", error)
        taken.unusable += 1


class FreeNames:
    """Names of thumbnails that no row has: `species_id_NN.jpg`.

    Args:
        taken: those that are given.
    """

    def __init__(self, taken: Iterable[str]) -> None:
        self._taken, self._count = set(taken), Counter[str]()

    def next(self, species_id: str) -> str:
        """One more."""
        while True:
            self._count[species_id] += 1
            name = f"{species_id}_{self._count[species_id]:02}.jpg"
            if name not in self._taken:
                return name


def _entry(source: SourcePicture, name: str) -> GalleryRow:
    return GalleryRow(
        species_id=source.species.species_id,
        picture=name,
        url=source.url,
        author=source.author,
        licence=source.licence,
    )


def _write(bundle: Bundle, taken: Taken, gone: Sequence[int]) -> None:
    before = kept(bundle.gallery, gone)
    rows = np.array([picture.row for picture in taken.rows], np.float16)
    gallery = joined(before, rows.reshape(-1, before.rows.shape[1]), taken.table)
    put_gallery(bundle.path, bundle.manifest, gallery)
    delete_thumbnails(bundle.path, [bundle.gallery.table[n] for n in gone], gallery)


def _tell(bundle: Bundle, taken: Taken, gone: Sequence[int], as_json: bool) -> None:
    """Counts, by species if any went."""
    new, names = Counter(row.species_id for row in taken.table), bundle.taxonomy.by_id()
    old = Counter(bundle.gallery.table[n].species_id for n in gone)
    counts = {
        "added": taken.count[NEW],
        "known": taken.count[SAME],
        "near_duplicates": taken.count[NEAR],
        "removed": len(gone),
        "unusable": taken.unusable,
    }
    if as_json:
        say(json_line({**counts, "by_species": dict(new), "removed_by_species": dict(old)}))
        return
    for species_id, times in old.items():
        name = names[species_id].scientific_name
        say(f"{name}: {counted(times, 'picture')} gone, {new[species_id]} in their place")
    told = {name: times for name, times in counts.items() if times}
    words = ", ".join(f"{times} {name.replace('_', ' ')}" for name, times in told.items())
    say(f"pictures: {words or 'none'}")
