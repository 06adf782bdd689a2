"""`birdlisten gallery remove`: species' pictures, or single ones, out of a bundle's gallery."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from edge.command.gallery_place import edited
from edge.config import Settings
from edge.contract.bundle import Bundle
from edge.contract.editing import delete_thumbnails, kept, put_gallery
from edge.contract.errors import BundleError, ConfigError
from edge.contract.text import counted, json_line
from edge.decision.naming import find_species
from edge.system.terminal import say


@dataclass(frozen=True, kw_only=True)
class RemovalRequest:
    """Pictures that shall go."""

    names: Sequence[str] = ()
    """Species, all of whose pictures go."""
    pictures: Sequence[str] = ()
    """Single ones, by the name of the thumbnail or the URL."""
    target: Path | None = None


def remove(settings: Settings, request: RemovalRequest) -> int:
    """Remove pictures, and say what goes.

    Raises:
        ConfigError: no such species or picture: nothing was removed.
        BundleError: nothing would be left to know a species by.
    """
    with edited(settings, request.target) as bundle:
        gone = sorted({*_of_species(bundle, request.names), *_single(bundle, request.pictures)})
        if not gone:
            raise ConfigError("gallery remove: which? name species, or --pictures")
        gallery = kept(bundle.gallery, gone)
        if not gallery.table and bundle.anchors is None:
            raise BundleError(f"{bundle.path}: these are all pictures; add others before")
        put_gallery(bundle.path, bundle.manifest, gallery)
        delete_thumbnails(bundle.path, [bundle.gallery.table[n] for n in gone], gallery)
    _tell(bundle, Counter(bundle.gallery.table[n].species_id for n in gone), settings.json)
    return 0


def _of_species(bundle: Bundle, names: Sequence[str]) -> list[int]:
    found: list[int] = []
    for name in names:
        species = find_species(bundle.taxonomy, name)
        rows = bundle.gallery.members.get(species.species_id, ())
        if not len(rows):
            raise ConfigError(f"{species.scientific_name}: has no picture in {bundle.path}")
        found += map(int, rows)
    return found


def _single(bundle: Bundle, pictures: Sequence[str]) -> list[int]:
    table, found = bundle.gallery.table, list[int]()
    for picture in pictures:
        rows = [n for n, row in enumerate(table) if picture in (row.picture, row.file, row.url)]
        if not rows or not picture:
            raise ConfigError(f"{picture}: no picture of {bundle.path} has this name or URL")
        found += rows
    return found


def _tell(bundle: Bundle, gone: Counter[str], as_json: bool) -> None:
    if as_json:
        say(json_line({"removed": gone.total(), "removed_by_species": dict(gone)}))
        return
    names = bundle.taxonomy.by_id()
    for species_id, times in gone.items():
        left = len(bundle.gallery.members[species_id]) - times
        name = names[species_id].scientific_name
        say(f"{name}: {counted(times, 'picture')} gone, {left or 'none'} left")
