"""Files of a bundle by their roles: all there, and what is read checked against its hash."""

import hashlib
from pathlib import Path

from edge.contract.errors import BundleError
from edge.contract.manifest import Manifest


def check_files(path: Path, manifest: Manifest) -> None:
    """Compare every file's presence and size with the manifest; read nothing."""
    for role, entry in manifest.roles.items():
        file = path / entry.file
        if file.is_symlink() or not file.is_file():
            raise BundleError(f"{role}: {entry.file} is missing or a link; copy the bundle again")
        size = file.stat().st_size
        if size != entry.bytes:
            raise BundleError(
                f"{role}: {entry.file} has {size} bytes, expected {entry.bytes}; "
                "copy the bundle again"
            )


def read_role(path: Path, manifest: Manifest, role: str) -> bytes:
    """The bytes of a role, checked against its hash.

    Raises:
        BundleError: the bundle lacks the role, or the hash differs.
    """
    entry = manifest.roles.get(role)
    if entry is None:
        raise BundleError(f"{role} is not part of this bundle; it has {sorted(manifest.roles)}")
    try:
        content = (path / entry.file).read_bytes()
    except OSError as error:
        reason = error.strerror or error
        raise BundleError(f"{role}: {entry.file} can't be read ({reason})") from error
    found = hashlib.sha256(content).hexdigest()
    if found != entry.sha256:
        raise BundleError(
            f"{role}: {entry.file} has sha256 {found:.12}, expected "
            f"{entry.sha256:.12}; copy the bundle again"
        )
    return content
