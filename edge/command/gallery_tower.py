"""`birdlisten gallery tower FILE`: the image tower of a large teacher, which lies apart."""

from pathlib import Path

from edge.config import Settings
from edge.contract.bundle import load_bundle
from edge.contract.errors import BundleError
from edge.contract.manifest import IMAGE_ENCODER
from edge.contract.text import json_line
from edge.recognition.pictures import PictureEncoder
from edge.recognition.tower_file import install_tower
from edge.system.terminal import say


def install(settings: Settings, file: Path) -> int:
    """Install the tower that the bundle's manifest names, for all bundles of this user.

    Raises:
        BundleError: the bundle names none, it is another file, or it doesn't run here.
    """
    bundle = load_bundle(settings.bundle_path)
    entry = bundle.manifest.apart.get(IMAGE_ENCODER)
    if entry is None:
        has = "holds its image tower itself" if bundle.manifest.tower else "names no image tower"
        raise BundleError(f"{bundle.path}: {has}; there is none to install")
    place = install_tower(file, entry)
    PictureEncoder(bundle.path, bundle.manifest)
    told = f"the image tower of {bundle.manifest.teacher} is in {place}"
    say(json_line({"tower": str(place)}) if settings.json else told)
    return 0
