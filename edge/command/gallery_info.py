"""`birdlisten gallery info`: figures of a gallery."""

from collections import Counter
from dataclasses import asdict, dataclass

from edge.config import Settings
from edge.contract.bundle import Bundle, load_bundle
from edge.contract.credit import is_credited
from edge.contract.manifest import IMAGE_ENCODER, PICTURE_MAP
from edge.contract.text import counted, json_line
from edge.recognition.tower_file import find_tower
from edge.system.terminal import say, say_row

_SHOWN = 5
"""Licences that are written out."""


@dataclass(frozen=True, kw_only=True)
class GalleryFacts:
    """Figures of a gallery."""

    bundle: str
    path: str
    space_id: str
    species: int
    """With a picture."""
    known: int
    """By name."""
    pictures: int
    thumbnails: int
    """Pictures that the bundle ships."""
    uncredited: int
    """Pictures without author or licence."""
    licences: dict[str, int]
    """Pictures by licence, the most frequent first."""
    image_tower: str
    picture_map: str


def info(settings: Settings) -> int:
    """Tell what the gallery holds.

    Raises:
        BundleError: no bundle.
    """
    facts = facts_of(load_bundle(settings.bundle_path))
    if settings.json:
        say(json_line(asdict(facts)))
        return 0
    say(f"{facts.bundle}: {facts.path}")
    say_row(f"{counted(facts.pictures, 'picture')} of {facts.species} of {facts.known} species")
    say_row(f"{facts.thumbnails} are shipped, of the others a link")
    say_row(f"licences: {_listed(facts.licences)}; {facts.uncredited} without author or licence")
    say_row(f"image tower: {facts.image_tower}; picture map: {facts.picture_map}")
    return 0


def facts_of(bundle: Bundle) -> GalleryFacts:
    """The figures of a bundle's gallery."""
    table, manifest = bundle.gallery.table, bundle.manifest
    licences = Counter(row.licence for row in table)
    return GalleryFacts(
        bundle=manifest.name,
        path=str(bundle.path),
        space_id=manifest.space_id,
        species=len(bundle.gallery.members),
        known=len(bundle.taxonomy),
        pictures=len(table),
        thumbnails=sum(bool(row.picture) for row in table),
        uncredited=sum(not (is_credited(row.author) and is_credited(row.licence)) for row in table),
        licences=dict(licences.most_common()),
        image_tower=_place(bundle, IMAGE_ENCODER),
        picture_map=_place(bundle, PICTURE_MAP),
    )


def _place(bundle: Bundle, role: str) -> str:
    entry = bundle.manifest.entry(role)
    if entry is None:
        return "none"
    if role in bundle.manifest.roles:
        return "in the bundle"
    return str(find_tower(bundle.path, entry) or f"{entry.file}, which is not installed")


def _listed(licences: dict[str, int]) -> str:
    shown = [f"{name or 'none'} {count}" for name, count in list(licences.items())[:_SHOWN]]
    more = len(licences) - len(shown)
    return ", ".join(shown) + (f" and {more} more" if more > 0 else "")
