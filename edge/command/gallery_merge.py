"""`birdlisten gallery merge|diff`: the galleries of two bundles, joined or compared."""

import logging
import shutil
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from edge.command.gallery_add import FreeNames
from edge.command.gallery_check import picture_name
from edge.command.gallery_place import edited
from edge.config import Settings
from edge.contract.arrays import Places
from edge.contract.bundle import Bundle, load_bundle, npy_bytes
from edge.contract.editing import PICTURES, joined, put_gallery
from edge.contract.errors import BundleError, ConfigError
from edge.contract.gallery import GalleryRow
from edge.contract.languages import names_table
from edge.contract.taxonomy import Taxonomy
from edge.contract.text import counted, json_line
from edge.recognition.picture_intake import same_cosine, unit
from edge.system.bundles import find_bundle
from edge.system.terminal import say

_LOG = logging.getLogger(__name__)
_MOST = 20
"""Lines of each kind that are told; --json has all."""


@dataclass(frozen=True, kw_only=True)
class JoinRequest:
    """Bundles that are joined, or compared."""

    others: Sequence[str]
    """One, to go with the settings' bundle; or several, of which the first is edited."""
    target: Path | None = None


def merge(settings: Settings, request: JoinRequest) -> int:
    """Add the pictures of other bundles to one, and the species that it doesn't know.

    Raises:
        BundleError: their embedding spaces differ.
    """
    base, names = _sides(settings, request.others)
    added, learned = 0, 0
    with edited(base, request.target) as bundle:
        for name in names:
            other = _of_space(bundle, name)
            taxonomy, species = _more_species(bundle, other)
            new = [row for row in unmatched(other, bundle) if _is_known(taxonomy, other, row)]
            _join(bundle, other, taxonomy=taxonomy, species=species, new=new)
            added, learned = added + len(new), learned + len(species)
            bundle = load_bundle(bundle.path)
    told = f"{counted(added, 'picture')} added, and {learned} species"
    say(json_line({"added": added, "species": learned}) if settings.json else told)
    return 0


def diff(settings: Settings, request: JoinRequest) -> int:
    """Tell the species and pictures that one of two bundles has, and the other not.

    Returns:
        1 if there are any, as `diff` does.
    """
    base, names = _sides(settings, request.others)
    if len(names) != 1:
        raise ConfigError("gallery diff: expected two bundles, or one besides --bundle")
    left = load_bundle(base.bundle_path)
    right = _of_space(left, names[0])
    lines = [*_only(left, right, "-"), *_only(right, left, "+")]
    for line in lines if settings.json else ():
        say(json_line(line))
    if not settings.json:
        _tell(left, right, lines)
    return 1 if lines else 0


def unmatched(bundle: Bundle, other: Bundle) -> Iterator[int]:
    """Rows of pictures that another bundle of the same space has not got of their species."""
    least = min(same_cosine(bundle.manifest), same_cosine(other.manifest))
    for species_id, rows in bundle.gallery.members.items():
        held = other.gallery.members.get(species_id, np.empty(0, np.intp))
        urls = _urls_of_one(bundle, rows) & _urls_of_one(other, held)
        known = [bundle.gallery.table[row].url in urls for row in rows]
        if len(held):
            mine, theirs = unit(bundle.gallery.rows[rows]), unit(other.gallery.rows[held])
            known = np.logical_or(known, (mine @ theirs.T).max(axis=1) >= least).tolist()
        yield from (int(row) for row, is_known in zip(rows, known, strict=True) if not is_known)


def _urls_of_one(bundle: Bundle, rows: Places) -> set[str]:
    """Addresses that tell one picture; an observation has several photographs."""
    times = Counter(bundle.gallery.table[row].url for row in rows)
    return {url for url, count in times.items() if url and count == 1}


def _sides(settings: Settings, others: Sequence[str]) -> tuple[Settings, Sequence[str]]:
    """Settings of the bundle that comes first, and the names of the others."""
    if len(others) == 1:
        return settings, others
    return replace(settings, bundle=others[0]), others[1:]


def _of_space(bundle: Bundle, name: str) -> Bundle:
    other = load_bundle(find_bundle(name))
    if other.manifest.space_id != bundle.manifest.space_id:
        raise BundleError(
            f"{other.path}: its pictures lie in space {other.manifest.space_id:.12}, those of "
            f"{bundle.path} in {bundle.manifest.space_id:.12}; only bundles of one teacher go "
            "together"
        )
    return other


def _more_species(bundle: Bundle, other: Bundle) -> tuple[Taxonomy, list[int]]:
    """The taxonomy with another's further species, and their places in that.

    Names come with an anchor each, or there are no anchors: else they are left out.
    """
    known = set(bundle.taxonomy.ids)
    places = [n for n, name in enumerate(other.taxonomy.ids) if name not in known]
    if (bundle.anchors is None) != (other.anchors is None) and places:
        _LOG.warning("%d species of %s left out: no text anchors", len(places), other.path)
        places = []
    more = tuple(other.taxonomy.species[n] for n in places)
    return replace(bundle.taxonomy, species=(*bundle.taxonomy.species, *more)), places


def _is_known(taxonomy: Taxonomy, other: Bundle, row: int) -> bool:
    return other.gallery.table[row].species_id in taxonomy.by_id()


def _join(
    bundle: Bundle, other: Bundle, *, taxonomy: Taxonomy, species: list[int], new: list[int]
) -> None:
    names = FreeNames(row.picture for row in bundle.gallery.table)
    table = [_brought(bundle.path, other, row, names) for row in new]
    gallery = joined(bundle.gallery, other.gallery.rows[new], table)
    roles = dict[str, bytes]()
    if species:
        roles["taxonomy"] = taxonomy.to_csv()
        if bundle.anchors is not None and other.anchors is not None:
            roles["anchors"] = npy_bytes(np.concatenate([bundle.anchors, other.anchors[species]]))
        if table_of_names := _names(bundle, other, taxonomy):
            roles["names"] = table_of_names
    put_gallery(bundle.path, bundle.manifest, gallery, roles)


def _names(bundle: Bundle, other: Bundle, taxonomy: Taxonomy) -> bytes | None:
    """Names in all languages of both, the first bundle's where both have one."""
    own, theirs = bundle.taxonomy.local_names, other.taxonomy.local_names
    languages = {*own.languages, *theirs.languages}
    names = {
        code: {
            **(theirs.in_language(code) if code in theirs.languages else {}),
            **(own.in_language(code) if code in own.languages else {}),
        }
        for code in languages
    }
    return names_table(names, taxonomy.ids) if names else None


def _brought(folder: Path, other: Bundle, row: int, names: FreeNames) -> GalleryRow:
    """A row of another bundle, with its thumbnail, if that is there, under a free name."""
    entry = other.gallery.table[row]
    if not entry.file or not (other.path / entry.file).is_file():
        return replace(entry, picture="")
    name = names.next(entry.species_id)
    (folder / PICTURES).mkdir(exist_ok=True)
    shutil.copyfile(other.path / entry.file, folder / PICTURES / name)
    return replace(entry, picture=name)


def _only(bundle: Bundle, other: Bundle, sign: str) -> Iterator[dict[str, str]]:
    """Species, then pictures, that another bundle has not got."""
    known, names = set(other.taxonomy.ids), bundle.taxonomy.by_id()
    for species in bundle.taxonomy.species:
        if species.species_id not in known:
            yield {"side": sign, "species": species.scientific_name, "picture": ""}
    for row in unmatched(bundle, other):
        species = names[bundle.gallery.table[row].species_id]
        yield {
            "side": sign,
            "species": species.scientific_name,
            "picture": picture_name(bundle, row),
        }


def _tell(left: Bundle, right: Bundle, lines: Sequence[dict[str, str]]) -> None:
    say(f"- {left.path}")
    say(f"+ {right.path}")
    told: Counter[tuple[str, bool]] = Counter()
    for line in lines:
        kind = (line["side"], bool(line["picture"]))
        told[kind] += 1
        if told[kind] <= _MOST:
            say(f"{line['side']} {line['species']} {line['picture']}".rstrip())
    for (side, is_picture), times in told.items():
        what = "pictures" if is_picture else "species"
        say(f"{side} {times} {what}" + (f", {times - _MOST} of them not shown" * (times > _MOST)))
