"""`birdlisten gallery choose`: the pictures of each species that tell the most; the others go."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from edge.command.gallery_check import outlier_told, picture_name, thumbnail_of
from edge.command.gallery_place import edited
from edge.command.name_maps import NameMaps
from edge.config import Settings
from edge.contract.arrays import Flags, Places
from edge.contract.bundle import Bundle
from edge.contract.editing import delete_thumbnails, kept, put_gallery
from edge.contract.text import counted, json_line
from edge.decision.naming import find_species
from edge.recognition.medoids import medoids
from edge.recognition.picture_fit import PictureFit, picture_fit
from edge.report.contact_sheet import SheetPicture, write_sheet
from edge.system.terminal import say

_MOST = 2048
"""Pictures of a species that are weighed: their distances take 16 MiB."""


@dataclass(frozen=True, kw_only=True)
class ChoiceRequest:
    """Number of pictures to keep, and of which species."""

    keep: int
    named: str | None = None
    """None: all that have more."""
    sheet: Path | None = None
    dry_run: bool = False
    """Change nothing."""
    target: Path | None = None


def choose(settings: Settings, request: ChoiceRequest) -> int:
    """Keep the medoids of the species' pictures, outliers last; the sheet shows why.

    Raises:
        ConfigError: no such species.
    """
    with edited(settings, request.target) as bundle:
        fit = picture_fit(bundle)
        stays = chosen(bundle, fit, request)
        if request.sheet is not None:
            title = f"{bundle.manifest.name}: {request.keep} pictures a species"
            write_sheet(request.sheet, title, _shown(bundle, fit, stays))
        gone = np.flatnonzero(~stays).tolist()
        if gone and not request.dry_run:
            gallery = kept(bundle.gallery, gone)
            put_gallery(bundle.path, bundle.manifest, gallery)
            delete_thumbnails(bundle.path, [bundle.gallery.table[n] for n in gone], gallery)
    counts = {"kept": int(stays.sum()), "removed": len(gone), "dry_run": request.dry_run}
    would = "would go" if request.dry_run else "gone"
    told = f"{counted(counts['kept'], 'picture')} stay, {counts['removed']} {would}"
    say(json_line(counts) if settings.json else told)
    return 0


def chosen(bundle: Bundle, fit: PictureFit, request: ChoiceRequest) -> Flags:
    """True for the rows that stay."""
    stays = np.ones(len(bundle.gallery.table), bool)
    only = None if request.named is None else find_species(bundle.taxonomy, request.named)
    for species_id, rows in bundle.gallery.members.items():
        if len(rows) > request.keep and (only is None or only.species_id == species_id):
            stays[rows] = False
            stays[_best(bundle, fit, rows, request.keep)] = True
    return stays


def _best(bundle: Bundle, fit: PictureFit, rows: Places, keep: int) -> Places:
    """The medoids of a species' rows without its outliers; of those only as many as lack."""
    is_odd = fit.outlier[rows]
    sound = _standing(bundle, rows[~is_odd], keep)
    return np.concatenate([sound, _standing(bundle, rows[is_odd], keep - len(sound))])


def _standing(bundle: Bundle, rows: Places, keep: int) -> Places:
    """So many rows that stand for all of them."""
    if keep == 0 or len(rows) <= keep:
        return rows[:keep]
    if len(rows) > _MOST:
        rows = rows[np.linspace(0, len(rows) - 1, max(_MOST, keep)).astype(np.intp)]
    if len(rows) == keep:
        return rows
    wide = bundle.gallery.rows[rows].astype(np.float32)
    distance = np.maximum(1 - wide @ wide.T, 0)
    np.fill_diagonal(distance, 0)
    best: Places = rows[medoids(distance, keep)]
    return best


def _shown(bundle: Bundle, fit: PictureFit, stays: Flags) -> Iterator[SheetPicture]:
    """All pictures of the species of which some go."""
    names, maps = bundle.taxonomy.by_id(), NameMaps(bundle)
    for species_id, rows in bundle.gallery.members.items():
        for row in rows if not stays[rows].all() else ():
            entry = bundle.gallery.table[row]
            yield SheetPicture(
                species=names[species_id].scientific_name,
                name=picture_name(bundle, row),
                jpeg=thumbnail_of(bundle, row),
                map=maps.draw(row),
                url=entry.url,
                credit=f"{entry.author}, {entry.licence}",
                told=_told(bundle, fit, stays, int(row)),
                kept=bool(stays[row]),
            )


def _told(bundle: Bundle, fit: PictureFit, stays: Flags, row: int) -> str:
    """Reason for a picture, with its likeness to its own name and to the nearest of its genus."""
    if fit.outlier[row] and not stays[row]:
        return outlier_told(bundle, fit, row)
    reason = "stands for others" if stays[row] else f"like {_stand_in(bundle, stays, row)}"
    if np.isnan(fit.name[row]):
        return reason
    kin = "" if np.isnan(fit.congener[row]) else f", its genus' nearest {fit.congener[row]:.2f}"
    return f"{reason}; name {fit.name[row]:.2f}{kin}"


def _stand_in(bundle: Bundle, stays: Flags, row: int) -> str:
    """The picture that stays and is most like one that goes."""
    rows = bundle.gallery.members[bundle.gallery.table[row].species_id]
    left = rows[stays[rows]]
    cosine = bundle.gallery.rows[left].astype(np.float32) @ bundle.gallery.rows[row]
    return picture_name(bundle, int(left[cosine.argmax()]))
