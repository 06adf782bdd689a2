"""`birdlisten gallery tower FILE`: image tower or picture map of a large teacher, kept apart."""

from pathlib import Path

from edge.config import Settings
from edge.contract.bundle import Bundle, load_bundle
from edge.contract.errors import BundleError
from edge.contract.manifest import IMAGE_ENCODER
from edge.contract.text import json_line
from edge.recognition.picture_map import PictureMap
from edge.recognition.pictures import PictureEncoder
from edge.recognition.tower_file import NAMES, install_tower
from edge.system.terminal import say


def install(settings: Settings, file: Path) -> int:
    """Install the tower or map that the bundle's manifest names, for all bundles of this user.

    Raises:
        BundleError: the bundle names none, it is another file, or it doesn't run here.
    """
    bundle = load_bundle(settings.bundle_path)
    role = _meant(bundle, file)
    place = install_tower(file, bundle.manifest.apart[role])
    opened = PictureEncoder if role == IMAGE_ENCODER else PictureMap
    opened(bundle.path, bundle.manifest)
    told = f"the {NAMES[role]} of {bundle.manifest.teacher} is in {place}"
    say(json_line({"tower": str(place)}) if settings.json else told)
    return 0


def _meant(bundle: Bundle, file: Path) -> str:
    """The role whose file is as large, or else the first of those that lie apart."""
    apart = bundle.manifest.apart
    if not apart:
        has = "holds its image tower itself" if bundle.manifest.tower else "names no image tower"
        raise BundleError(f"{bundle.path}: {has}; there is none to install")
    size = file.stat().st_size if file.is_file() else None
    return next((role for role, entry in apart.items() if entry.bytes == size), next(iter(apart)))
