"""Broken and hostile bundles: each is refused with a BundleError in one clear line."""

import io
import json
import random
from collections.abc import Callable

import numpy as np
import pytest

from edge.contract.bundle import load_bundle, npy_bytes
from edge.contract.errors import BundleError
from tests.support.factories import DIM, BundleFolder, Ended, refused, unit_rows


def test_the_unbroken_bundle_loads(small_bundle: BundleFolder) -> None:
    bundle = load_bundle(small_bundle.path)
    assert bundle.gallery.rows.shape == (6, DIM)
    assert bundle.species_ids("owls") == ("strix_aluco",)
    assert bundle.calibrated("fp32", "all") is not None
    assert bundle.calibrated("int8", "all") is None


def test_files_that_the_manifest_does_not_name_are_ignored(small_bundle: BundleFolder) -> None:
    (small_bundle.path / "chorus.flac").write_bytes(b"x")
    assert load_bundle(small_bundle.path).gallery.rows.shape == (6, DIM)


ROLES = ["gallery.rows", "gallery.table", "taxonomy", "anchors", "calibration", "encoder.fp32"]


@pytest.mark.parametrize("role", ROLES)
def test_a_truncated_file_is_named(small_bundle: BundleFolder, role: str) -> None:
    file = small_bundle.file(role)
    file.write_bytes(file.read_bytes()[:-1])
    message = refused(small_bundle)
    assert role in message
    assert "copy the bundle again" in message


@pytest.mark.parametrize("role", ROLES[:-1])
def test_a_flipped_bit_is_found_by_the_hash(small_bundle: BundleFolder, role: str) -> None:
    file = small_bundle.file(role)
    content = bytearray(file.read_bytes())
    content[-1] ^= 1
    file.write_bytes(content)
    assert "sha256" in refused(small_bundle)


def test_a_damaged_encoder_is_found_when_it_is_opened(small_bundle: BundleFolder) -> None:
    small_bundle.file("encoder.fp32").write_bytes(b"not a grape")
    with pytest.raises(BundleError, match="sha256"):
        load_bundle(small_bundle.path).encoder_bytes("fp32")


def test_a_missing_file_is_named(small_bundle: BundleFolder) -> None:
    small_bundle.file("anchors").unlink()
    assert "anchors" in refused(small_bundle)


def test_a_link_is_refused_even_to_the_right_bytes(small_bundle: BundleFolder) -> None:
    file = small_bundle.file("gallery.rows")
    file.rename(small_bundle.path / "elsewhere")
    file.symlink_to(small_bundle.path / "elsewhere")
    assert "link" in refused(small_bundle)


def npz() -> bytes:
    file = io.BytesIO()
    np.savez(file, rows=unit_rows(6, 1))
    return file.getvalue()


def pickled() -> bytes:
    file = io.BytesIO()
    np.save(file, np.array([{"a": 1}] * 6, object), allow_pickle=True)
    return file.getvalue()


def spoilt(value: float) -> np.ndarray:
    rows = unit_rows(6, 1)
    rows[4] = value
    return rows


NOT_ROWS = {
    "nan": npy_bytes(spoilt(np.nan)),
    "infinite": npy_bytes(spoilt(np.inf)),
    "not unit": npy_bytes(spoilt(0.9)),
    "too wide": npy_bytes(np.eye(DIM + 1, dtype=np.float16)[:6]),
    "one-dimensional": npy_bytes(unit_rows(6, 1)[0]),
    "float32": npy_bytes(unit_rows(6, 1).astype(np.float32)),
    "big endian": npy_bytes(unit_rows(6, 1).astype(">f2")),
    "text": npy_bytes(np.array(["a"] * 6)),
    "pickle": pickled(),
    "npz": npz(),
    "half an npz": npz()[:100],
    "empty": b"",
    "no npy": b"hello",
    "header only": npy_bytes(unit_rows(6, 1))[:128],
    "promises a terabyte": npy_bytes(unit_rows(6, 1)).replace(
        b"(6, 8)", b"(6" + b"0" * 10 + b", 8)"
    ),
    "open bracket": npy_bytes(unit_rows(6, 1)).replace(b"(6, 8)", b"((6,8)"),
}


@pytest.mark.parametrize("kind", NOT_ROWS)
@pytest.mark.parametrize("role", ["gallery.rows", "anchors"])
def test_rows_that_are_no_unit_rows_are_refused(
    small_bundle: BundleFolder, role: str, kind: str
) -> None:
    small_bundle.put(role, NOT_ROWS[kind])
    assert role in refused(small_bundle)


@pytest.mark.parametrize("kind", ["nan", "too wide", "pickle", "half an npz"])
def test_a_bad_background_is_refused_when_it_is_asked_for(
    small_bundle: BundleFolder, kind: str
) -> None:
    small_bundle.put("background.fp32", NOT_ROWS[kind])
    with pytest.raises(BundleError, match="background"):
        load_bundle(small_bundle.path).background("fp32")


@pytest.mark.parametrize("count", [5, 7])
def test_the_gallery_has_a_table_line_a_row(small_bundle: BundleFolder, count: int) -> None:
    small_bundle.put("gallery.rows", npy_bytes(unit_rows(count, 1)))
    assert f"{count} rows but 6 table lines" in refused(small_bundle)


def test_there_is_an_anchor_a_species(small_bundle: BundleFolder) -> None:
    small_bundle.put("anchors", npy_bytes(unit_rows(4, 1)))
    assert "4 rows for 3 species" in refused(small_bundle)


@pytest.mark.parametrize(
    ("old", "new", "named"),
    [
        ("parus_major,", "dodo,", "dodo"),
        ("strix_aluco_0.jpg", "../secret.jpg", "secret"),
        ("strix_aluco_0.jpg", "/etc/passwd", "passwd"),
        ("strix_aluco_0.jpg", "a\\b.jpg", "plain file name"),
        ("strix_aluco_0.jpg", ".hidden", "hidden"),
        ("picture", "image", "picture"),
        (",CC0", "", "fields"),
    ],
)
def test_a_bad_table_is_refused(small_bundle: BundleFolder, old: str, new: str, named: str) -> None:
    text = small_bundle.file("gallery.table").read_text()
    small_bundle.put("gallery.table", text.replace(old, new).encode())
    assert named in refused(small_bundle)


@pytest.mark.parametrize(
    "content",
    [
        b"[]",
        b"{",
        b"\xff",
        b"null",
        b"[" * 100_000,
        b'{"fp32": []}',
        b'{"fp32": {"all": []}}',
        b'{"fp32": {"all": {"scores": [0, 1], "probabilities": [0, 2], "threshold": 0.5}}}',
        b'{"fp32": {"all": {"scores": [0, 1], "probabilities": [0, 1], "threshold": 7}}}',
        b'{"fp32": {"all": {"scores": [0, 1], "probabilities": [0, 1]}}}',
        b'{"fp32": {"all": {"scores": [0, NaN], "probabilities": [0, 1], "threshold": 0.5}}}',
    ],
)
def test_a_bad_calibration_is_refused(small_bundle: BundleFolder, content: bytes) -> None:
    small_bundle.put("calibration", content)
    assert "calibration" in refused(small_bundle)


def damaged(content: bytes, chance: random.Random) -> bytes:
    spoilt = bytearray(content)
    if chance.random() < 0.3:
        return bytes(spoilt[: chance.randrange(len(spoilt))])
    for _ in range(chance.choice((1, 1, 2, 8))):
        spoilt[chance.randrange(min(len(spoilt), 400))] = chance.randrange(256)
    return bytes(spoilt)


@pytest.mark.parametrize("target", ["manifest", "gallery.rows", "gallery.table", "taxonomy"])
def test_damage_of_any_kind_raises_nothing_but_bundle_errors(
    small_bundle: BundleFolder, target: str
) -> None:
    chance, manifest = random.Random(7), small_bundle.manifest()
    whole = json.dumps(manifest).encode()
    content = whole if target == "manifest" else small_bundle.file(target).read_bytes()
    outcomes = set()
    for _ in range(100):
        small_bundle.write(manifest)
        spoilt = damaged(content, chance)
        if target == "manifest":
            (small_bundle.path / "manifest.json").write_bytes(spoilt)
        else:
            small_bundle.put(target, spoilt)
        try:
            load_bundle(small_bundle.path)
            outcomes.add("loads")
        except BundleError:
            outcomes.add("refused")
    assert "refused" in outcomes


def test_the_program_ends_with_one_line_and_exit_1(
    small_bundle: BundleFolder, birdlisten: Callable[..., Ended]
) -> None:
    small_bundle.put("gallery.rows", NOT_ROWS["nan"])
    ended = birdlisten("identify", "--bundle", small_bundle.path, "x.wav")
    assert (ended.code, ended.out) == (1, "")
    assert ended.err.startswith("birdlisten: ")
    assert ended.err.count("\n") == 1


@pytest.mark.parametrize("role", ["taxonomy", "gallery.table"])
@pytest.mark.parametrize("species_id", ["../../outside", "/tmp/outside", "a/b", "..", "Strix"])
def test_an_id_that_leads_out_of_the_station_is_refused(
    small_bundle: BundleFolder, role: str, species_id: str
) -> None:
    content = small_bundle.file(role).read_text(encoding="utf-8")
    small_bundle.put(role, content.replace("strix_aluco,", f"{species_id},").encode())
    assert "species_id" in refused(small_bundle)
