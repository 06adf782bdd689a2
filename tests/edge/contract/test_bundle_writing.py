import os
from dataclasses import replace
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest

from edge.contract import atomic
from edge.contract import bundle as bundle_module
from edge.contract.atomic import write_atomic
from edge.contract.bundle import load_bundle, npy_bytes, write_bundle
from edge.contract.errors import BundleError
from edge.contract.manifest import Manifest, load_manifest
from tests.support.factories import BundleFolder, unit_rows


def names(path: Path) -> set[str]:
    return {file.name for file in path.iterdir()}


def test_what_is_written_is_what_loads(
    small_manifest: Manifest, small_contents: dict[str, bytes], tmp_path: Path
) -> None:
    written = write_bundle(tmp_path / "new" / "bundle", small_manifest, small_contents)
    loaded = load_bundle(tmp_path / "new" / "bundle")
    assert loaded.manifest == written
    assert (loaded.gallery.rows == unit_rows(6, 1)).all()
    assert loaded.encoder_bytes("fp32") == small_contents["encoder.fp32"]


def test_files_are_named_by_role_and_hash(
    small_bundle: BundleFolder, small_contents: dict[str, bytes]
) -> None:
    for role, content in small_contents.items():
        digest = sha256(content).hexdigest()
        assert small_bundle.file(role).name.startswith(f"{role.removesuffix('.fp32')}")
        assert digest[:12] in small_bundle.file(role).name
        assert small_bundle.manifest()["roles"][role]["sha256"] == digest


def test_embeddings_carry_the_space_and_tables_none(small_bundle: BundleFolder) -> None:
    roles = small_bundle.manifest()["roles"]
    bound = {role for role, entry in roles.items() if entry["space_id"]}
    assert bound == {"encoder.fp32", "gallery.rows", "anchors", "background.fp32"}


def test_a_replaced_role_leaves_the_others_and_no_old_file(small_bundle: BundleFolder) -> None:
    before = names(small_bundle.path)
    old = small_bundle.file("anchors").name
    write_bundle(
        small_bundle.path,
        load_manifest(small_bundle.path),
        {"anchors": npy_bytes(unit_rows(3, 9))},
    )
    new = small_bundle.file("anchors").name
    assert names(small_bundle.path) == before - {old} | {new}
    load_bundle(small_bundle.path)


def test_a_role_left_out_of_the_new_manifest_is_pruned(small_bundle: BundleFolder) -> None:
    manifest = load_manifest(small_bundle.path)
    gone = small_bundle.file("anchors").name
    kept = {role: entry for role, entry in manifest.roles.items() if role != "anchors"}
    write_bundle(small_bundle.path, replace(manifest, roles=kept), {})
    assert gone not in names(small_bundle.path)
    assert load_bundle(small_bundle.path).anchors is None


def test_foreign_files_are_kept(small_bundle: BundleFolder) -> None:
    (small_bundle.path / "chorus.flac").write_bytes(b"song")
    write_bundle(small_bundle.path, load_manifest(small_bundle.path), {"encoder.fp32": b"new"})
    assert "chorus.flac" in names(small_bundle.path)


def test_writing_the_same_again_changes_nothing(
    small_bundle: BundleFolder, small_manifest: Manifest, small_contents: dict[str, bytes]
) -> None:
    before = {file.name: file.read_bytes() for file in small_bundle.path.iterdir()}
    write_bundle(small_bundle.path, small_manifest, small_contents)
    assert {file.name: file.read_bytes() for file in small_bundle.path.iterdir()} == before


@pytest.mark.parametrize("failing", range(4))
def test_a_failure_at_any_write_leaves_the_old_bundle(
    small_bundle: BundleFolder, monkeypatch: pytest.MonkeyPatch, failing: int
) -> None:
    old, before = load_manifest(small_bundle.path), names(small_bundle.path)
    calls = []

    def full_disk(path: Path, content: bytes) -> None:
        calls.append(path.name)
        if len(calls) > failing:
            raise OSError("No space left on device")
        write_atomic(path, content)

    monkeypatch.setattr(bundle_module, "write_atomic", full_disk)
    new: dict[str, Any] = {
        "gallery.rows": npy_bytes(unit_rows(6, 21)),
        "anchors": npy_bytes(unit_rows(3, 22)),
        "encoder.fp32": b"new",
    }
    with pytest.raises(OSError, match="No space"):
        write_bundle(small_bundle.path, old, new)
    assert load_bundle(small_bundle.path).manifest == old
    assert load_bundle(small_bundle.path).encoder_bytes("fp32") == b"not a graph"
    assert (calls[-1] == "manifest.json") == (failing == 3)
    assert names(small_bundle.path) == before


def test_write_atomic_leaves_no_temporary_file_behind(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "x").write_bytes(b"old")

    def broken(descriptor: int) -> None:
        raise OSError("I/O error")

    monkeypatch.setattr(atomic.os, "fsync", broken)
    with pytest.raises(OSError, match="I/O"):
        write_atomic(tmp_path / "x", b"new")
    assert names(tmp_path) == {"x"}
    assert (tmp_path / "x").read_bytes() == b"old"


def test_a_broken_bundle_can_be_written_anew(
    small_bundle: BundleFolder, small_manifest: Manifest, small_contents: dict[str, bytes]
) -> None:
    (small_bundle.path / "manifest.json").write_text("{")
    with pytest.raises(BundleError):
        load_bundle(small_bundle.path)
    write_bundle(small_bundle.path, small_manifest, small_contents)
    load_bundle(small_bundle.path)


@pytest.mark.parametrize("umask", [0o077, 0o022, 0o027, 0o002])
def test_files_have_the_rights_that_the_umask_leaves(
    small_manifest: Manifest, small_contents: dict[str, bytes], tmp_path: Path, umask: int
) -> None:
    (tmp_path / "replaced").write_bytes(b"")
    (tmp_path / "replaced").chmod(0o600)
    before = os.umask(umask)
    try:
        write_atomic(tmp_path / "new", b"x")
        write_atomic(tmp_path / "replaced", b"x")
        write_bundle(tmp_path / "bundle", small_manifest, small_contents)
    finally:
        os.umask(before)
    files = [path for path in tmp_path.rglob("*") if path.parent.name == "bundle"]
    for path in (tmp_path / "new", tmp_path / "replaced", *files):
        assert path.stat().st_mode & 0o777 == 0o666 & ~umask
    assert len(files) == 8
