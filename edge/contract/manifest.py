"""manifest.json: what a bundle holds, in which version, with which hashes."""

import json
import re
from dataclasses import MISSING, Field, asdict, dataclass, field, fields
from pathlib import Path
from typing import Any, get_type_hints

from edge.contract.audio_spec import AudioSpec
from edge.contract.errors import BundleError, in_words
from edge.contract.paths import is_plain_name
from edge.contract.picture import PictureSpec
from edge.contract.text import well_formed
from edge.contract.values import shown

FORMAT_VERSION = 1
FILE_NAME = "manifest.json"
PRECISIONS = ("fp32", "fp16", "int8")
FEATURES = "features"
"""What an encoder's inner features are seen by, to tell one sound from another."""
IMAGE_ENCODER = "encoder.image"
"""The teacher's image tower: pictures to rows of the gallery."""
PICTURE_MAP = "picture.map"
"""Places within a picture to rows of the gallery's space."""
TEXT_ENCODER, TOKENIZER = "encoder.text", "tokenizer"
"""The teacher's text tower, and the vocabulary of what it is fed: texts to rows of the space."""
OF_SPACE = (IMAGE_ENCODER, PICTURE_MAP, TEXT_ENCODER, TOKENIZER)
"""What belongs to the space, whichever encoder hears in it."""
_MAY_LIE_APART = (IMAGE_ENCODER, PICTURE_MAP)
_FED = {IMAGE_ENCODER: "image", PICTURE_MAP: "picture_map"}
"""Fields that say what each of these is fed."""
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
class FeatureSpec:
    """Features of the encoders that tell sounds apart which their embedding has as one name.

    Raises:
        BundleError: an impossible value.
    """

    tensor: str
    """Name in the graphs, float[batch, width]."""
    dim: int
    """Of what `features` makes of it."""

    def __post_init__(self) -> None:
        if not self.tensor or self.dim <= 0:
            raise BundleError("features: expected the name of a tensor and a positive dim")


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
    image: PictureSpec | None = None
    """What `encoder.image` is fed; None without one."""
    picture_map: PictureSpec | None = None
    """What `picture.map` is fed; None without one."""
    apart: dict[str, FileEntry] = field(default_factory=dict)
    """Roles whose large files lie outside the bundle, wherever a user has put them."""
    features: FeatureSpec | None = None
    """Tells sounds apart; None: the embedding does."""
    format_version: int = FORMAT_VERSION

    def __post_init__(self) -> None:
        if self.embedding_dim <= 0 or self.top_pictures <= 0:
            raise BundleError("embedding_dim and top_pictures must be positive")
        if self.default_species_set not in self.species_sets:
            raise BundleError(
                f"default_species_set {self.default_species_set!r} is not one of "
                f"{sorted(self.species_sets)}"
            )
        if strange := sorted({*self.apart} - {*_MAY_LIE_APART}):
            expected = " or ".join(_MAY_LIE_APART)
            raise BundleError(f"apart: {strange[0]!r}, expected {expected} only")
        for role, fed in _FED.items():
            if self.entry(role) is not None and getattr(self, fed) is None:
                raise BundleError(f"{role}: the manifest's `{fed}` does not say what it is fed")
        for role, entry in (*self.roles.items(), *self.apart.items()):
            _check_entry(role, entry, self.space_id)

    def entry(self, role: str) -> FileEntry | None:
        """The file of a role, in the bundle or apart from it; None without one."""
        return self.roles.get(role) or self.apart.get(role)

    @property
    def tower(self) -> FileEntry | None:
        """The file of the image tower."""
        return self.entry(IMAGE_ENCODER)

    @property
    def sound_dim(self) -> int:
        """Of what tells sounds apart: the features, or the embedding."""
        return self.embedding_dim if self.features is None else self.features.dim

    @property
    def precisions(self) -> tuple[str, ...]:
        """The encoder precisions shipped, best first."""
        return tuple(precision for precision in PRECISIONS if f"encoder.{precision}" in self.roles)

    def to_json(self) -> str:
        """The text of manifest.json."""
        content = asdict(self)
        for name in ("image", "picture_map", "apart", "features"):
            if not content[name]:
                del content[name]
        return json.dumps(content, indent=2, ensure_ascii=False) + "\n"


_EXPECTED: dict[Any, tuple[type, str]] = {
    str: (str, "a text"),
    int: (int, "a whole number"),
    dict[str, Any]: (dict, "an object"),
    dict[str, FileEntry]: (dict, "an object"),
    dict[str, list[str] | None]: (dict, "an object"),
}
"""JSON's types of the fields, and how they are called."""


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
        raise BundleError(f"{directory / FILE_NAME}: {error}") from error


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
        raise BundleError(f"{path}: not JSON ({in_words(error)}); copy the bundle again") from error
    if not isinstance(content, dict):
        raise BundleError(f"{path}: expected a JSON object, found {type(content).__name__}")
    return content


def _parse(content: dict[str, Any]) -> Manifest:
    known = {name: content[name] for name in get_type_hints(Manifest) if name in content}
    _check_object("", known, Manifest)
    _check_object("audio: ", known["audio"], AudioSpec)
    known.setdefault("apart", {})
    for part in ("roles", "apart"):
        for role, entry in known[part].items():
            _check_object(f"{role}: ", entry, FileEntry)
        known[part] = {role: FileEntry(**entry) for role, entry in known[part].items()}
    for fed in _FED.values():
        if known.get(fed) is not None:
            _check_object(f"{fed}: ", known[fed], PictureSpec)
            known[fed] = PictureSpec.from_json(known[fed])
    if known.get("features") is not None:
        _check_object("features: ", known["features"], FeatureSpec)
        known["features"] = FeatureSpec(**known["features"])
    _check_sets(known.get("species_sets", {}))
    if not is_plain_name(known["model_id"]):
        raise BundleError(f"model_id: {shown(known['model_id'])}, expected a hash")
    known |= {name: well_formed(known[name]) for name in _TEXTS}
    if (known.get("features") is None) != (FEATURES not in known["roles"]):
        raise BundleError(f"{FEATURES}: the file and the manifest's `features` go together")
    return Manifest(**{**known, "audio": AudioSpec(**known["audio"])})


def _check_object(place: str, content: Any, kind: type) -> None:
    """Refuse what doesn't make a dataclass: a field that lacks, is unknown, or of another type."""
    if not isinstance(content, dict):
        raise BundleError(f"{place}{shown(content)}, expected an object")
    types = get_type_hints(kind)
    needed = [field.name for field in fields(kind) if not _has_default(field)]
    if missing := [name for name in needed if name not in content]:
        raise BundleError(f"{place}{', '.join(missing)} missing")
    for name, value in content.items():
        if name not in types:
            raise BundleError(f"{place}{name!r} is unknown; update the program, or build it again")
        if (expected := _EXPECTED.get(types[name])) and type(value) is not expected[0]:
            raise BundleError(f"{place}{name}: {shown(value)}, expected {expected[1]}")


def _has_default(field: Field[Any]) -> bool:
    return field.default is not MISSING or field.default_factory is not MISSING


def _check_sets(sets: dict[str, Any]) -> None:
    for name, ids in sets.items():
        if ids is not None and not (isinstance(ids, list) and all(isinstance(i, str) for i in ids)):
            raise BundleError(f"species set {name!r}: {shown(ids)}, expected null or a list of ids")


def _check_entry(role: str, entry: FileEntry, space_id: str) -> None:
    if not isinstance(entry.file, str) or not is_plain_name(entry.file):
        raise BundleError(f"{role}: file name {entry.file!r} is not a plain name in the bundle")
    if not isinstance(entry.bytes, int) or entry.bytes < 0:
        raise BundleError(f"{role}: bytes {entry.bytes!r} is not a size")
    if not isinstance(entry.sha256, str) or not _SHA256.fullmatch(entry.sha256):
        raise BundleError(f"{role}: sha256 {entry.sha256!r} is not a hash")
    if entry.space_id not in (None, space_id):
        raise BundleError(
            f"{role}: belongs to embedding space {str(entry.space_id)[:12]}, the bundle to "
            f"{space_id[:12]}; build it again with the bundle's teacher"
        )
