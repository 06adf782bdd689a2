"""A gallery is edited on the recorder itself, as a person types it."""

import json
import shutil
from dataclasses import replace

import numpy as np
import pytest

pytest.importorskip("PIL")
from PIL import Image

from edge.config import PACKAGED_BUNDLE
from edge.contract.bundle import load_bundle, write_bundle
from edge.contract.editing import editing
from edge.contract.errors import PictureError
from edge.contract.manifest import IMAGE_ENCODER, load_manifest
from edge.recognition.picture_rows import bundle_rows
from edge.recognition.pictures import open_picture

TIT, MAGPIE = "Parus major", "Pica pica"


@pytest.fixture(autouse=True)
def _home(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))


@pytest.fixture
def bundle(tmp_path):
    """A copy of the starter, which has an image tower."""
    shutil.copytree(PACKAGED_BUNDLE, tmp_path / "mine")
    return tmp_path / "mine"


def drawn(seed, size=(96, 72)):
    """A picture of blurred colours, unlike any other."""
    coarse = np.random.default_rng(seed).integers(0, 256, (8, 10, 3), np.uint8)
    return Image.fromarray(coarse).resize(size, Image.Resampling.BICUBIC)


def pictured(folder, species, *seeds):
    own = folder / species.replace(" ", "_")
    own.mkdir(parents=True, exist_ok=True)
    for seed in seeds:
        drawn(seed).save(own / f"{seed}.png")
    return folder


def table_of(bundle):
    gallery = load_bundle(bundle).gallery
    return [(row, bytes(line)) for row, line in zip(gallery.table, gallery.rows, strict=True)]


def test_pictures_are_added_once_with_their_credits(birdlisten, bundle, tmp_path):
    before = table_of(bundle)
    new = pictured(pictured(tmp_path / "new", TIT, 1, 2), MAGPIE, 3)
    credit = ("--author", "Ann", "--licence", "CC0")
    ended = birdlisten("gallery", "add", new, *credit, "--bundle", bundle)
    assert (ended.code, ended.out) == (0, "pictures: 3 added\n")
    after = table_of(bundle)
    assert after[: len(before)] == before
    added = [row for row, _ in after[len(before) :]]
    assert [row.species_id for row in added] == 2 * ["parus_major"] + ["pica_pica"]
    assert {(row.author, row.licence) for row in added} == {("Ann", "CC0")}
    assert all(max(open_picture(bundle / row.file).size) <= 320 for row in added)
    again = birdlisten("gallery", "add", new, "--bundle", bundle)
    assert (again.out, table_of(bundle) == after) == ("pictures: 3 known\n", True)


def test_a_packaged_bundle_stays_and_a_copy_of_the_users_own_is_edited(birdlisten, tmp_path):
    before = load_manifest(PACKAGED_BUNDLE)
    for number in (1, 2):
        new = pictured(tmp_path / f"{number}", TIT, number)
        assert birdlisten("gallery", "add", new, "--bundle", "starter").code == 0
    assert load_manifest(PACKAGED_BUNDLE) == before
    own = tmp_path / "data" / "birdlisten" / "bundles" / "starter-own"
    shipped = len(load_bundle(PACKAGED_BUNDLE).gallery.table)
    assert len(load_bundle(own).gallery.table) == shipped + 2
    assert load_manifest(own).name == "starter-own"
    info = birdlisten("gallery", "--bundle", "starter-own", "--json").records()
    assert (info[0]["pictures"], info[0]["thumbnails"]) == (shipped + 2, 2)
    assert [path.name for path in own.parent.iterdir()] == ["starter-own"]


def test_a_bad_picture_is_named_and_the_others_are_added(birdlisten, bundle, tmp_path):
    folder = pictured(tmp_path / "new", TIT, 1) / TIT.replace(" ", "_")
    (folder / "text.jpg").write_text("no picture")
    drawn(2, (8, 8)).save(folder / "tiny.png")
    Image.new("L", (7000, 7000)).save(folder / "bomb.png")
    whole = (folder / "1.png").read_bytes()
    (folder / "cut.png").write_bytes(whole[: len(whole) // 2])
    ended = birdlisten("gallery", "add", folder.parent, "--bundle", bundle)
    assert (ended.code, ended.out) == (1, "pictures: 1 added, 4 unusable\n")
    for name in ("text.jpg", "tiny.png", "bomb.png", "cut.png"):
        assert f"{name}: " in ended.err


def damaged(whole, random):
    """A file with some bytes changed, or cut off."""
    content = bytearray(whole)
    for place in random.integers(0, min(len(content), 300), random.integers(1, 8)):
        content[place] = random.integers(256)
    return bytes(content[: random.integers(len(content) // 2, 2 * len(content))])


def opened(path):
    """The colours of a picture, or what is said of it."""
    try:
        return open_picture(path).mode
    except PictureError as error:
        return str(error)


@pytest.mark.parametrize("form", ["JPEG", "PNG"])
def test_a_damaged_picture_is_opened_or_refused_in_one_line(tmp_path, form):
    exif, random, told = Image.Exif(), np.random.default_rng(0), []
    exif[0x0112], exif[0x8825] = 6, {1: "N", 2: (1.0, 2.0, 3.0)}
    drawn(1).save(tmp_path / "whole", form, exif=exif)
    for _ in range(80):
        (tmp_path / "damaged").write_bytes(damaged((tmp_path / "whole").read_bytes(), random))
        told.append(opened(tmp_path / "damaged"))
    assert {"RGB"} < set(told)
    assert not any("\n" in text for text in told)


def test_another_form_of_a_photograph_is_left_out(birdlisten, bundle, tmp_path):
    folder = pictured(tmp_path / "new", TIT, 1, 2) / TIT.replace(" ", "_")
    birdlisten("gallery", "add", folder.parent, "--bundle", bundle)
    drawn(1).resize((48, 36)).save(folder / "small.jpg", quality=30)
    drawn(3).save(folder / "other.png")
    ended = birdlisten("gallery", "add", folder.parent, "--bundle", bundle, "--json")
    (counts,) = ended.records()
    assert (counts["added"], counts["known"] + counts["near_duplicates"]) == (1, 3)


def test_what_replaces_says_what_goes_and_leaves_other_species(birdlisten, bundle, tmp_path):
    before = table_of(bundle)
    old = [row for row, _ in before if row.species_id == "parus_major"]
    new = pictured(tmp_path / "new", TIT, 1)
    (new / "Pica_pica").mkdir()
    (new / "Pica_pica" / "bad.jpg").write_text("no picture")
    ended = birdlisten("gallery", "replace", new, "--bundle", bundle)
    assert f"Parus major: {len(old)} pictures gone, 1 in their place" in ended.out
    after = table_of(bundle)
    others = [entry for entry in before if entry[0].species_id != "parus_major"]
    assert after[:-1] == others
    assert [file.name for file in (bundle / "pictures").iterdir()] == [after[-1][0].picture]
    birdlisten("gallery", "replace", pictured(tmp_path / "two", TIT, 2), "--bundle", bundle)
    assert len(list((bundle / "pictures").iterdir())) == 1


def test_species_and_single_pictures_are_removed(birdlisten, bundle, tmp_path):
    birdlisten("gallery", "add", pictured(tmp_path / "new", TIT, 1, 2), "--bundle", bundle)
    before = table_of(bundle)
    gone = [before[0][0].url, before[-1][0].picture]
    ended = birdlisten("gallery", "remove", "--pictures", *gone, "--bundle", bundle)
    assert (ended.code, table_of(bundle)) == (0, before[1:-1])
    assert not (bundle / before[-1][0].file).exists()
    birdlisten("gallery", "remove", "great tit", "--bundle", bundle)
    assert {row.species_id for row, _ in table_of(bundle)}.isdisjoint({"parus_major"})
    unknown = birdlisten("gallery", "remove", MAGPIE, "Raphus cucullatus", "--bundle", bundle)
    assert (unknown.code, "'Raphus cucullatus'" in unknown.err) == (2, True)
    assert "pica_pica" in {row.species_id for row, _ in table_of(bundle)}


@pytest.mark.parametrize(
    ("arguments", "said", "code"),
    [
        (("add", "nowhere"), "no such file or folder", 2),
        (("add", "empty"), "no picture here", 1),
        (("add", "lone.png"), "which species? give --species", 2),
        (("add", "lone.png", "--species", "Raphus cucullatus"), "no species of this bundle", 2),
        (("add", "strange"), "Leipoa_ocellata: no species of this bundle; 1 pictures left out", 1),
        (("add", "lone.png", "--species", TIT, "--output", "strange"), "holds something", 2),
        (("remove",), "which?", 2),
        (("remove", "--pictures", "nothing.jpg"), "nothing.jpg: no picture of", 2),
        (("tower", "lone.png"), "holds its image tower itself", 1),
        (("sing",), "invalid choice", 2),
    ],
)
def test_a_refused_edit_changes_nothing(
    birdlisten, bundle, tmp_path, monkeypatch, arguments, said, code
):
    (tmp_path / "empty").mkdir()
    pictured(tmp_path / "strange", "Leipoa ocellata", 1)
    drawn(1).save(tmp_path / "lone.png")
    monkeypatch.chdir(tmp_path)
    before = sorted((file.name, file.stat().st_mtime_ns) for file in bundle.iterdir())
    ended = birdlisten("gallery", *arguments, "--bundle", bundle)
    assert (ended.code, said in ended.err, ended.out) == (code, True, "")
    assert sorted((file.name, file.stat().st_mtime_ns) for file in bundle.iterdir()) == before


def test_only_one_program_edits_a_bundle(birdlisten, bundle, tmp_path):
    new = pictured(tmp_path / "new", TIT, 1)
    with editing(bundle):
        ended = birdlisten("gallery", "add", new, "--bundle", bundle)
    assert (ended.code, "another program is editing it" in ended.err) == (1, True)
    assert birdlisten("gallery", "add", new, "--bundle", bundle).code == 0


def test_a_tower_of_its_own_file_is_installed_once_for_all(birdlisten, bundle, tmp_path):
    manifest, new = load_manifest(bundle), pictured(tmp_path / "new", TIT, 1)
    entry = manifest.roles[IMAGE_ENCODER]
    left = {role: other for role, other in manifest.roles.items() if role != IMAGE_ENCODER}
    file = shutil.copy(bundle / entry.file, tmp_path / "tower.onnx")
    file_bytes = file.read_bytes()
    write_bundle(bundle, replace(manifest, roles=left, apart={IMAGE_ENCODER: entry}), {})
    assert not (bundle / entry.file).exists()
    absent = birdlisten("gallery", "add", new, "--bundle", bundle)
    assert (absent.code, "birdlisten gallery tower FILE" in absent.err) == (1, True)
    assert "not installed" in birdlisten("gallery", "info", "--bundle", bundle).out
    damaged = tmp_path / "damaged.onnx"
    damaged.write_bytes(file.read_bytes()[:-1] + b"?")
    refused = birdlisten("gallery", "tower", damaged, "--bundle", bundle)
    assert (refused.code, "has sha256" in refused.err) == (1, True)
    assert birdlisten("gallery", "tower", file, "--bundle", bundle).code == 0
    assert birdlisten("gallery", "add", new, "--bundle", bundle).code == 0
    shutil.copy(damaged, bundle / entry.file)
    more = pictured(tmp_path / "more", TIT, 2)
    assert birdlisten("gallery", "add", more, "--bundle", bundle).code == 0
    shutil.copy(file, bundle / entry.file)
    copied = ("--output", tmp_path / "copy", "--json")
    ended = birdlisten("gallery", "add", more, "--bundle", bundle, *copied)
    assert [line["known"] for line in ended.records()] == [1], "it says nothing else there"
    assert (tmp_path / "copy" / entry.file).read_bytes() == file_bytes


def test_a_picture_that_is_prepared_otherwise_is_embedded_anew(bundle, tmp_path):
    drawn(1, (200, 60)).save(tmp_path / "wide.png")
    manifest = load_manifest(bundle)
    specs = [replace(manifest.image, resize=resize) for resize in ("shortest", "squash")]
    rows = [
        bundle_rows(bundle, replace(manifest, image=spec)).read(tmp_path / "wide.png")[0].row
        for spec in (*specs, *specs)
    ]
    assert not np.array_equal(rows[0], rows[1])
    np.testing.assert_array_equal(rows[:2], rows[2:])


def test_a_manifest_of_another_program_may_not_put_other_roles_apart(bundle):
    content = json.loads((bundle / "manifest.json").read_text())
    content["apart"] = {"gallery.rows": content["roles"]["gallery.rows"]}
    (bundle / "manifest.json").write_text(json.dumps(content))
    with pytest.raises(ValueError, match="apart"):
        load_manifest(bundle)
