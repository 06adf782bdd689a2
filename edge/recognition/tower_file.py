"""Files of the image tower and the picture map: in the bundle, or apart if many times as large.

A manifest names one that lies apart with size and hash. It is looked for beside the bundle's files,
then in the folder `towers` of the user's data, where all bundles of a teacher share it.
"""

import hashlib
from collections.abc import Iterator
from pathlib import Path

from edge.contract.atomic import open_atomic
from edge.contract.errors import BundleError, in_words
from edge.contract.manifest import IMAGE_ENCODER, PICTURE_MAP, FileEntry, Manifest
from edge.contract.roles import read_role
from edge.system.folders import data_folder, user_folder

FOLDER = "towers"
NAMES = {IMAGE_ENCODER: "image tower", PICTURE_MAP: "picture map"}
_LACKING = {
    IMAGE_ENCODER: "image tower, so no picture can be added here; give sounds, or add one: "
    "python -m export.image_tower",
    PICTURE_MAP: "picture map, which tells the part of a picture that matches; add one: "
    "python -m export.picture_map BUNDLE",
}
_PART = 1 << 20


def check_tower(folder: Path, manifest: Manifest, role: str = IMAGE_ENCODER) -> None:
    """See that a bundle has an image tower, or a picture map, and that its file is there.

    Raises:
        BundleError: it has none, or its file is not here.
    """
    entry = manifest.entry(role)
    if entry is None:
        raise BundleError(f"{folder}: has no {_LACKING[role]}")
    if role not in manifest.roles and find_tower(folder, entry) is None:
        raise BundleError(
            f"{folder}: its {NAMES[role]} is a file of its own, {entry.file} ({entry.bytes} bytes),"
            " which is not here; install it: birdlisten gallery tower FILE"
        )


def tower_bytes(folder: Path, manifest: Manifest, role: str = IMAGE_ENCODER) -> bytes:
    """The checked ONNX graph of a bundle's image tower, or of its picture map.

    Raises:
        BundleError: it has none, its file is not here, or it is damaged.
    """
    check_tower(folder, manifest, role)
    if role in manifest.roles:
        return read_role(folder, manifest, role)
    entry, damaged = manifest.apart[role], list[str]()
    for file in _towers(folder, entry):
        content = file.read_bytes()
        found = hashlib.sha256(content).hexdigest()
        if found == entry.sha256:
            return content
        damaged.append(f"{file}: has sha256 {found:.12}, expected {entry.sha256:.12}")
    told = next(iter(damaged), f"{entry.file}: is gone")
    raise BundleError(f"{told}; install it again: birdlisten gallery tower FILE")


def find_tower(folder: Path, entry: FileEntry) -> Path | None:
    """The file of a tower that lies apart, of the right size; None if it is not here."""
    return next(_towers(folder, entry), None)


def _towers(folder: Path, entry: FileEntry) -> Iterator[Path]:
    """Files of the right name and size, the bundle's own first."""
    own = user_folder("XDG_DATA_HOME", ".local/share")
    for place in (folder, *([own / FOLDER] if own else [])):
        file = place / entry.file
        if file.is_file() and file.stat().st_size == entry.bytes:
            yield file


def install_tower(file: Path, entry: FileEntry) -> Path:
    """Copy a tower's file to the user's data, once it is known to be the one.

    Returns:
        The copy.

    Raises:
        BundleError: it is another file, or can't be read.
    """
    try:
        size = file.stat().st_size
        if size != entry.bytes:
            raise BundleError(f"{file}: has {size} bytes, the bundle's tower {entry.bytes}")
        folder = data_folder() / FOLDER
        folder.mkdir(parents=True, exist_ok=True)
        with file.open("rb") as source, open_atomic(folder / entry.file) as copy:
            digest = hashlib.sha256()
            while part := source.read(_PART):
                digest.update(part)
                copy.write(part)
            if digest.hexdigest() != entry.sha256:
                raise BundleError(
                    f"{file}: has sha256 {digest.hexdigest():.12}, the bundle's tower "
                    f"{entry.sha256:.12}; take the file that was made with the bundle"
                )
    except OSError as error:
        raise BundleError(f"tower: {in_words(error)}") from error
    return folder / entry.file
