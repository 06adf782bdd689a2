"""`birdlisten gallery check`: pictures that look wrong, are there twice, or lack credits."""

import logging
from collections import Counter
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

from edge.command.name_maps import NameMaps
from edge.config import Settings
from edge.contract.bundle import Bundle, load_bundle
from edge.contract.credit import is_credited
from edge.contract.editing import PICTURES
from edge.contract.errors import PictureError
from edge.contract.text import counted, json_line
from edge.recognition.picture_fit import PictureFit, picture_fit
from edge.recognition.picture_pairs import same_pairs
from edge.recognition.pictures import difference_hash, open_picture
from edge.report.contact_sheet import SheetPicture, write_sheet
from edge.system.progress import ProgressBar
from edge.system.terminal import say

_LOG = logging.getLogger(__name__)
OUTLIER, DUPLICATE, UNCREDITED, UNREADABLE, UNNAMED = (
    *("outlier", "duplicate", "uncredited"),
    *("unreadable", "unnamed"),
)
TOLD_ONCE = (UNCREDITED,)
"""Faults of which a line counts all; --json has each."""


@dataclass(frozen=True, kw_only=True)
class PictureFault:
    """Fault of a picture."""

    kind: str
    species_id: str
    picture: str
    """Its file, or else its URL."""
    told: str
    row: int | None = None
    """In the gallery."""


def check(settings: Settings, sheet: Path | None) -> int:
    """Tell the faults of a gallery; 1 if there is any.

    Args:
        settings: name the bundle.
        sheet: file of a page that shows all of them.

    Raises:
        BundleError: no bundle, or one with rows of a species that it doesn't know.
    """
    bundle = load_bundle(settings.bundle_path)
    fit = picture_fit(bundle)
    faults = list(faults_of(bundle, fit, shown=not settings.quiet))
    for fault in faults:
        if settings.json:
            say(json_line(asdict(fault)))
        elif fault.kind not in TOLD_ONCE:
            say(f"{fault.picture}: {fault.told}")
    count = Counter(fault.kind for fault in faults)
    if not settings.json:
        told = ", ".join(f"{times} {kind}" for kind, times in count.items()) or "no fault"
        say(f"{counted(len(bundle.gallery.table), 'picture')}: {told}")
    if sheet is not None:
        write_sheet(sheet, f"{bundle.manifest.name}: pictures to look at", _shown(bundle, faults))
    return 1 if faults else 0


def faults_of(bundle: Bundle, fit: PictureFit, shown: bool) -> Iterator[PictureFault]:
    """All faults: outliers, doubles, missing credits, missing and stray files."""
    for outlier in fit.outlier.nonzero()[0].tolist():
        yield _fault(bundle, outlier, OUTLIER, outlier_told(bundle, fit, outlier))
    looks: dict[int, bytes] = {}
    with ProgressBar(2 * len(bundle.gallery.table), shown) as bar:
        for row in range(len(bundle.gallery.table)):
            yield from _thumbnail_fault(bundle, row, looks)
            bar.advance(1, "thumbnails")
        pairs = same_pairs(bundle.gallery, looks, lambda rows: bar.advance(rows, "pairs"))
    for first, second in sorted(pairs):
        other = picture_name(bundle, first)
        yield _fault(bundle, second, DUPLICATE, f"the same photograph as {other}")
    for row, entry in enumerate(bundle.gallery.table):
        lacking = [name for name in ("author", "licence") if not is_credited(getattr(entry, name))]
        if lacking:
            yield _fault(bundle, row, UNCREDITED, f"no {' and no '.join(lacking)}")
    yield from _stray(bundle)


def outlier_told(bundle: Bundle, fit: PictureFit, row: int) -> str:
    """Reason for taking a picture for one of something else."""
    birds = bundle.taxonomy.species
    own = bundle.taxonomy.by_id()[bundle.gallery.table[row].species_id].scientific_name
    like = birds[fit.other_species[row]].scientific_name
    rank = f"{fit.name_rank[row]} names fit it better than {own}"
    return f"likely no {own}: more like the pictures of {like}; {rank}"


def picture_name(bundle: Bundle, row: int) -> str:
    """Name of a picture that `gallery remove --pictures` takes."""
    entry = bundle.gallery.table[row]
    return entry.file or entry.url or f"row {row}"


def thumbnail_of(bundle: Bundle, row: int) -> bytes | None:
    """The JPEG of a picture, where it is shipped."""
    file = bundle.gallery.table[row].file
    try:
        return (bundle.path / file).read_bytes() if file else None
    except OSError:
        return None


def _fault(bundle: Bundle, row: int, kind: str, told: str) -> PictureFault:
    species_id = bundle.gallery.table[row].species_id
    name = picture_name(bundle, row)
    return PictureFault(kind=kind, species_id=species_id, picture=name, told=told, row=row)


def _thumbnail_fault(bundle: Bundle, row: int, looks: dict[int, bytes]) -> Iterator[PictureFault]:
    """The fault of a thumbnail, or else its hash into `looks`."""
    file = bundle.gallery.table[row].file
    if file is None:
        return
    try:
        looks[row] = difference_hash(open_picture(bundle.path / file))
    except PictureError as error:
        yield _fault(bundle, row, UNREADABLE, str(error).partition(": ")[2])


def _stray(bundle: Bundle) -> Iterator[PictureFault]:
    """Files among the thumbnails that no row names."""
    named = {row.picture for row in bundle.gallery.table}
    folder = bundle.path / PICTURES
    for file in sorted(folder.iterdir()) if folder.is_dir() else ():
        if file.name not in named:
            name, told = f"{PICTURES}/{file.name}", "no row names it"
            yield PictureFault(kind=UNNAMED, species_id="", picture=name, told=told)


def _shown(bundle: Bundle, faults: list[PictureFault]) -> Iterator[SheetPicture]:
    """Pictures of the sheet: each with what speaks against it."""
    names, maps = bundle.taxonomy.by_id(), NameMaps(bundle)
    for fault in faults:
        if fault.row is not None:
            entry = bundle.gallery.table[fault.row]
            yield SheetPicture(
                species=names[fault.species_id].scientific_name,
                name=fault.picture,
                jpeg=thumbnail_of(bundle, fault.row),
                map=maps.draw(fault.row),
                url=entry.url,
                credit=f"{entry.author}, {entry.licence}",
                told=fault.told,
                kept=False,
            )
