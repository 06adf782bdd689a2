"""The bundle: a directory that is copied to a recorder and read-only in use.

Byte by byte in README.md beside this file. Anything wrong is a `BundleError`, and nothing is
half loaded.
"""

import hashlib
import io
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from edge.contract.arrays import Array, Float16s
from edge.contract.atomic import write_atomic
from edge.contract.calibration import Calibration, read_calibrations
from edge.contract.errors import BundleError
from edge.contract.gallery import TABLE_COLUMNS, Gallery, GalleryRow, check_unit_rows
from edge.contract.languages import local_names
from edge.contract.manifest import (
    FEATURES,
    FILE_NAME,
    PICTURE_MAP,
    FileEntry,
    Manifest,
    load_manifest,
)
from edge.contract.npy import rows_of
from edge.contract.paths import is_plain_name
from edge.contract.roles import check_files, read_role
from edge.contract.tables import each_row
from edge.contract.taxonomy import Taxonomy, check_species_id

EXTENSIONS = {
    "encoder": ".onnx",
    "gallery.rows": ".npy",
    "gallery.table": ".csv",
    "taxonomy": ".csv",
    "names": ".csv",
    "anchors": ".npy",
    "background": ".npy",
    "features": ".npy",
    "calibration": ".json",
    PICTURE_MAP: ".onnx",
    "tokenizer": ".gz",
}


@dataclass(frozen=True)
class Bundle:
    """A bundle whose every part but the encoder has been read and checked."""

    path: Path
    manifest: Manifest
    taxonomy: Taxonomy
    gallery: Gallery
    anchors: Float16s | None
    """float16[species, dim] in the taxonomy's order."""
    calibration: dict[str, Any]
    own: tuple[str, ...] = ()
    """Ids of species that the station listens for besides every named set."""

    def encoder_bytes(self, precision: str) -> bytes:
        """The checked ONNX graph of a precision.

        Raises:
            BundleError: the precision is not shipped, or the file is damaged.
        """
        return read_role(self.path, self.manifest, f"encoder.{precision}")

    @property
    def anchors_by_id(self) -> dict[str, Float16s]:
        """Text anchors by species id, float16[dim] each; none are shipped: an empty table.

        Species that the station has added come last, and have none.
        """
        anchors = () if self.anchors is None else self.anchors
        return dict(zip(self.taxonomy.ids, anchors, strict=False))

    def background(self, precision: str) -> Float16s | None:
        """float16[m, dim] embeddings of background windows, or None if not shipped."""
        return _rows(self.path, self.manifest, f"background.{precision}")

    def features(self) -> Float16s | None:
        """float16[1 + dim, width]: mean of the encoder's features, and the axes to see them by.

        Raises:
            BundleError: the file is damaged, or not of that shape.
        """
        spec = self.manifest.features
        if spec is None:
            return None
        rows = rows_of(read_role(self.path, self.manifest, FEATURES))
        if len(rows) != 1 + spec.dim or not np.isfinite(rows).all():
            raise BundleError(
                f"{FEATURES}: {len(rows)} rows, expected the mean and {spec.dim} axes, all finite"
            )
        return rows

    def calibrated(self, precision: str, species_set: str) -> Calibration | None:
        """The score's meaning for a precision and species set, or None if not shipped."""
        entry = self.calibration.get(precision, {}).get(species_set)
        return Calibration.from_json(entry) if entry else None

    def in_language(self, language: str | None) -> "Bundle":
        """The same with species named in a language, where they have a name in it; None: as it is.

        Raises:
            ConfigError: there are no names in that language.
        """
        if language is None:
            return self
        return replace(self, taxonomy=self.taxonomy.in_language(language))

    def species_ids(self, species_set: str) -> tuple[str, ...]:
        """The ids of a named species set and of the station's own species, each once.

        Raises:
            BundleError: no such set.
        """
        sets = self.manifest.species_sets
        if species_set not in sets:
            raise BundleError(f"{self.path}: no species set {species_set!r}; it has {sorted(sets)}")
        chosen = sets[species_set]
        return self.taxonomy.ids if chosen is None else tuple(dict.fromkeys([*chosen, *self.own]))


def load_bundle(path: Path) -> Bundle:
    """Read a bundle: version, sizes of all files, hashes of those opened, shapes, ids.

    Raises:
        BundleError: what was found, what was expected and what to do.
    """
    manifest = load_manifest(path)
    try:
        check_files(path, manifest)
        return _load(path, manifest)
    except BundleError as error:
        raise BundleError(f"{path}: {error}") from error


def write_bundle(path: Path, manifest: Manifest, contents: dict[str, bytes]) -> Manifest:
    """Add or replace roles: first the hash-named files, then manifest.json, which is the swap.

    Args:
        path: the bundle's directory, made if need be.
        manifest: what to write; its entries of the given roles are replaced.
        contents: bytes by role.

    Returns:
        The manifest as written. Files that only the old manifest named are deleted.

    Raises:
        OSError: the disk is full, say; then the bundle is what it was before.
    """
    path.mkdir(parents=True, exist_ok=True)
    old = _named_files(path)
    entries = {role: described(role, data, manifest) for role, data in contents.items()}
    written = replace(manifest, roles={**manifest.roles, **entries})
    new = {entry.file for entry in written.roles.values()}
    try:
        for role, data in contents.items():
            write_atomic(path / entries[role].file, data)
        write_atomic(path / FILE_NAME, written.to_json().encode())
    except BaseException:
        _delete(path, new - old)
        raise
    _delete(path, old - new)
    return written


def npy_bytes(rows: Array) -> bytes:
    """An array in .npy format."""
    file = io.BytesIO()
    np.save(file, rows, allow_pickle=False)
    return file.getvalue()


def _load(path: Path, manifest: Manifest) -> Bundle:
    rows = _rows(path, manifest, "gallery.rows")
    if rows is None:
        raise BundleError("the gallery is missing; embed pictures: python -m gallery.build")
    read_role(path, manifest, "gallery.table")
    read_role(path, manifest, "taxonomy")
    taxonomy = Taxonomy.load(path / manifest.roles["taxonomy"].file, local_names(path, manifest))
    gallery = Gallery(rows, _table(path / manifest.roles["gallery.table"].file))
    gallery.check_species(taxonomy)
    bundle = Bundle(
        path=path,
        manifest=manifest,
        taxonomy=taxonomy,
        gallery=gallery,
        anchors=_rows(path, manifest, "anchors"),
        calibration=_calibration(path, manifest),
    )
    _check_ids(bundle)
    return bundle


def _table(path: Path) -> tuple[GalleryRow, ...]:
    rows = tuple(GalleryRow.read(fields) for fields in each_row(path, TABLE_COLUMNS))
    for row in rows:
        check_species_id(row.species_id, "gallery.table")
        if row.picture and not is_plain_name(row.picture):
            raise BundleError(f"gallery.table: picture {row.picture!r} is not a plain file name")
    return rows


def _rows(path: Path, manifest: Manifest, role: str) -> Float16s | None:
    if role not in manifest.roles:
        return None
    content = read_role(path, manifest, role)
    try:
        rows = rows_of(content)
    except BundleError as error:
        raise BundleError(f"{role}: {error}; build it again") from error
    check_unit_rows(rows, role, manifest.embedding_dim)
    return rows


def _calibration(path: Path, manifest: Manifest) -> dict[str, Any]:
    if "calibration" not in manifest.roles:
        return {}
    return read_calibrations(read_role(path, manifest, "calibration"))


def _check_ids(bundle: Bundle) -> None:
    if bundle.anchors is not None and len(bundle.anchors) != len(bundle.taxonomy):
        raise BundleError(f"anchors: {len(bundle.anchors)} rows for {len(bundle.taxonomy)} species")
    known = set(bundle.taxonomy.ids)
    for name, ids in bundle.manifest.species_sets.items():
        unknown = sorted(set(ids or ()) - known)
        if unknown:
            raise BundleError(f"species set {name!r}: not in the taxonomy: {unknown[:3]}")


def _named_files(path: Path) -> set[str]:
    if not (path / FILE_NAME).exists():
        return set()
    try:
        return {entry.file for entry in load_manifest(path).roles.values()}
    except BundleError:
        return set()


def _delete(path: Path, names: Iterable[str]) -> None:
    for name in names:
        (path / name).unlink(missing_ok=True)


def described(role: str, content: bytes, manifest: Manifest) -> FileEntry:
    """The manifest's entry of a role."""
    kind = role if role in EXTENSIONS else role.split(".")[0]
    sha256 = hashlib.sha256(content).hexdigest()
    stem = "background" if kind == "background" else role
    file = f"{stem}-{sha256[:12]}{EXTENSIONS[kind]}"
    space_id = None if EXTENSIONS[kind] in (".csv", ".json", ".gz") else manifest.space_id
    return FileEntry(file, len(content), sha256, space_id)
