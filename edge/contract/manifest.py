"""manifest.json: what a bundle holds, in which version, with which hashes."""

import json
import re
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any

from edge.contract.audio import AudioSpec
from edge.contract.errors import BundleError
from edge.contract.paths import is_plain_name
from edge.contract.text import well_formed

FORMAT_VERSION = 1
FILE_NAME = "manifest.json"
PRECISIONS = ("fp32", "fp16", "int8")
_TEXTS = ("name", "licence", "model_id", "space_id", "teacher", "student")
_SHA256 = re.compile(r"[0-9a-f]{64}")
_MAX_BYTES = 16_000_000


@dataclass(frozen=True)
class FileEntry:
    """One file of the bundle."""

    file: str
    """Plain file name, no separators."""
    bytes: int
    sha256: str
    space_id: str | None = None
    """The embedding space of encoders, rows, anchors and backgrounds; null for tables."""


@dataclass(frozen=True)
class Manifest:
    """Everything a listener must know before it opens another file.

    Raises:
        BundleError: an impossible value; see `check`.
    """

    name: str
    licence: str
    model_id: str
    """sha256 of the encoder's source checkpoint."""
    space_id: str
    """sha256 over the teacher's weights and preprocessing."""
    audio: AudioSpec
    embedding_dim: int
    teacher: str
    student: str
    roles: dict[str, FileEntry]
    provenance: dict[str, Any] = field(default_factory=dict)
    top_pictures: int = 3
    """k of the species score: the mean of its k best rows."""
    species_sets: dict[str, list[str] | None] = field(default_factory=lambda: {"all": None})
    """Named subsets of species ids; null means every species of the taxonomy."""
    default_species_set: str = "all"
    format_version: int = FORMAT_VERSION

    def __post_init__(self) -> None:
        if self.embedding_dim <= 0 or self.top_pictures <= 0:
            raise BundleError(f"{FILE_NAME}: embedding_dim and top_pictures must be positive")
        if self.default_species_set not in self.species_sets:
            raise BundleError(
                f"{FILE_NAME}: default_species_set {self.default_species_set!r} is not one of "
                f"{sorted(self.species_sets)}"
            )
        for role, entry in self.roles.items():
            _check_entry(role, entry, self.space_id)

    @property
    def precisions(self) -> tuple[str, ...]:
        """The encoder precisions shipped, best first."""
        return tuple(precision for precision in PRECISIONS if f"encoder.{precision}" in self.roles)

    def to_json(self) -> str:
        """The text of manifest.json."""
        return json.dumps(asdict(self), indent=2, ensure_ascii=False) + "\n"


def load_manifest(directory: Path) -> Manifest:
    """Read and check manifest.json; the other files are not touched.

    Raises:
        BundleError: missing, not JSON, a newer format version, or an impossible value.
    """
    content = _read_json(directory)
    version = content.get("format_version")
    if not isinstance(version, int) or isinstance(version, bool) or version < 1:
        raise BundleError(f"{directory / FILE_NAME}: format_version {version!r} is not a number")
    if version > FORMAT_VERSION:
        raise BundleError(
            f"{directory / FILE_NAME}: format_version {version} is newer than {FORMAT_VERSION}, "
            "the newest this program reads; update it: pip install -U birdlisten"
        )
    try:
        return _parse(content)
    except BundleError as error:
        raise BundleError(f"{directory}: {error}") from error
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise BundleError(f"{directory / FILE_NAME}: not a valid manifest ({error})") from error


def _read_json(directory: Path) -> dict[str, Any]:
    path = directory / FILE_NAME
    if not path.is_file():
        raise BundleError(
            f"{directory}: no bundle here ({FILE_NAME} is missing); "
            "give a bundle's folder with --bundle"
        )
    if path.stat().st_size > _MAX_BYTES:
        raise BundleError(f"{path}: larger than {_MAX_BYTES} bytes, not a manifest")
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (ValueError, RecursionError) as error:
        raise BundleError(f"{path}: not JSON ({error}); copy the bundle again") from error
    if not isinstance(content, dict):
        raise BundleError(f"{path}: expected a JSON object, found {type(content).__name__}")
    return content


def _parse(content: dict[str, Any]) -> Manifest:
    known = {field.name: content[field.name] for field in fields(Manifest) if field.name in content}
    for name in _TEXTS:
        if not isinstance(content[name], str):
            raise TypeError(f"{name} must be text")
        known[name] = well_formed(content[name])
    roles = {role: _entry(role, entry) for role, entry in content["roles"].items()}
    manifest = Manifest(**{**known, "audio": AudioSpec(**content["audio"]), "roles": roles})
    if not is_plain_name(manifest.model_id):
        raise BundleError(f"{FILE_NAME}: model_id {manifest.model_id[:120]!a} is not a hash")
    for name in ("embedding_dim", "top_pictures"):
        if type(getattr(manifest, name)) is not int:
            raise TypeError(f"{name} must be a whole number")
    _check_sets(manifest.species_sets)
    return manifest


def _check_sets(sets: Any) -> None:
    for name, ids in sets.items():
        if ids is not None and not (isinstance(ids, list) and all(isinstance(i, str) for i in ids)):
            raise TypeError(f"species set {name!r} must be null or a list of ids")


def _entry(role: str, content: Any) -> FileEntry:
    if not isinstance(content, dict):
        raise TypeError(f"role {role} must be an object with file, bytes and sha256")
    return FileEntry(**content)


def _check_entry(role: str, entry: FileEntry, space_id: str) -> None:
    if not isinstance(entry.file, str) or not is_plain_name(entry.file):
        raise BundleError(f"{role}: file name {entry.file!r} is not a plain name in the bundle")
    if not isinstance(entry.bytes, int) or entry.bytes < 0:
        raise BundleError(f"{role}: bytes {entry.bytes!r} is not a size")
    if not isinstance(entry.sha256, str) or not _SHA256.fullmatch(entry.sha256):
        raise BundleError(f"{role}: sha256 {entry.sha256!r} is not a hash")
    if entry.space_id not in (None, space_id):
        raise BundleError(
            f"{role}: belongs to embedding space {entry.space_id:.12}, the bundle to "
            f"{space_id:.12}; build it again with the bundle's teacher"
        )
