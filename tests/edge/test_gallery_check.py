"""Wrong and doubled pictures are found, the telling ones are chosen, and galleries are joined."""

import shutil
from dataclasses import replace
from itertools import combinations

import numpy as np
import pytest

from edge.command.gallery_choose import ChoiceRequest, chosen
from edge.contract.bundle import load_bundle, npy_bytes, write_bundle
from edge.contract.editing import put_gallery
from edge.contract.gallery import Gallery, GalleryRow
from edge.contract.taxonomy import Species, Taxonomy
from edge.recognition import bits
from edge.recognition.duplicates import near
from edge.recognition.medoids import medoids
from edge.recognition.picture_fit import picture_fit
from tests.support.factories import DIM

RANKS = ("Animalia", "Chordata", "Aves", "Order", "Family")
BIRDS = [f"Genus{n // 2} bird{n}" for n in range(6)]
PICTURES = 6


@pytest.fixture(autouse=True)
def _home(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))


def around(centre, count, random, spread=0.1):
    rows = centre + spread * random.standard_normal((count, DIM))
    return (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float16)


def taxonomy_of(names):
    ids = [name.lower().replace(" ", "_") for name in names]
    pairs = zip(ids, names, strict=True)
    return Taxonomy(tuple(Species(key, name, name, *RANKS, *name.split()) for key, name in pairs))


@pytest.fixture
def write(small_manifest, small_contents, tmp_path):
    """Writes a bundle of birds, whose pictures lie around their names."""

    def make(name, birds=BIRDS, anchors=True, wrong=None, author="me"):
        centres = np.eye(DIM)[: len(birds)]
        rows = np.concatenate(
            [around(centre, PICTURES, np.random.default_rng(n)) for n, centre in enumerate(centres)]
        )
        if wrong is not None:
            rows[wrong] = around(centres[-1], 1, np.random.default_rng(99))[0]
        table = tuple(
            GalleryRow(species.species_id, "", f"https://x/{species.species_id}/{n}", author, "CC0")
            for species in taxonomy_of(birds).species
            for n in range(PICTURES)
        )
        contents = small_contents | {
            "gallery.rows": npy_bytes(rows),
            "gallery.table": Gallery(rows, table).table_csv(),
            "taxonomy": taxonomy_of(birds).to_csv(),
            "anchors": npy_bytes(centres.astype(np.float16)),
        }
        if not anchors:
            del contents["anchors"]
        write_bundle(tmp_path / name, replace(small_manifest, species_sets={"all": None}), contents)
        return tmp_path / name

    return make


@pytest.mark.parametrize("anchors", [True, False])
def test_a_picture_of_something_else_is_found(birdlisten, write, tmp_path, anchors):
    sheet = tmp_path / "sheet.html"
    bundle = write("one", anchors=anchors, wrong=2)
    ended = birdlisten("gallery", "check", "--json", "--sheet", sheet, "--bundle", bundle)
    (fault,) = ended.records()
    assert (ended.code, fault["kind"], fault["row"]) == (1, "outlier", 2)
    assert "more like the pictures of Genus2 bird5" in fault["told"]
    page = sheet.read_text(encoding="utf-8")
    assert "https://x/genus0_bird0/2" in page
    assert "prefers-color-scheme: dark" in page


def test_a_clean_gallery_has_no_fault(birdlisten, write):
    ended = birdlisten("gallery", "check", "--bundle", write("one"))
    assert (ended.code, ended.out) == (0, "36 pictures: no fault\n")


def test_missing_credits_are_counted_and_doubles_named(birdlisten, write):
    bundle = write("one", author="unknown")
    gallery = load_bundle(bundle).gallery
    rows = gallery.rows.copy()
    rows[7] = rows[6]
    write_bundle(bundle, load_bundle(bundle).manifest, {"gallery.rows": npy_bytes(rows)})
    ended = birdlisten("gallery", "check", "--bundle", bundle)
    assert "bird1/1: the same photograph as https://x/genus0_bird1/0" in ended.out
    assert "1 duplicate, 36 uncredited" in ended.out


def test_the_most_telling_pictures_stay_and_the_sheet_says_why(birdlisten, write, tmp_path):
    bundle, sheet = write("one", wrong=2), tmp_path / "sheet.html"
    flags = ("--keep", 2, "--sheet", sheet, "--bundle", bundle)
    before = load_bundle(bundle).manifest
    dry = birdlisten("gallery", "choose", *flags, "--dry-run", "--species", BIRDS[0])
    assert (dry.out, load_bundle(bundle).manifest) == ("32 pictures stay, 4 would go\n", before)
    page = sheet.read_text(encoding="utf-8")
    assert page.count('<li class="kept">') == 2
    assert page.count("likely no Genus0 bird0") == 1
    assert birdlisten("gallery", "choose", *flags).code == 0
    left = load_bundle(bundle).gallery
    assert {len(rows) for rows in left.members.values()} == {2}
    assert "https://x/genus0_bird0/2" not in {row.url for row in left.table}


def test_as_many_stay_as_are_asked_for_and_outliers_last(birdlisten, write, monkeypatch):
    monkeypatch.setattr("edge.command.gallery_choose._MOST", 3)
    bundle = write("one", wrong=2)
    assert birdlisten("gallery", "choose", "--keep", 5, "--bundle", bundle).code == 0
    left = load_bundle(bundle).gallery
    assert {len(rows) for rows in left.members.values()} == {5}
    assert "https://x/genus0_bird0/2" not in {row.url for row in left.table}


def test_every_sound_picture_stays_before_an_outlier(write):
    bundle = load_bundle(write("one"))
    outlier = np.zeros(len(bundle.gallery.table), bool)
    outlier[[0, 2, 3]] = True
    fit = replace(picture_fit(bundle), outlier=outlier)
    stays = chosen(bundle, fit, ChoiceRequest(keep=4))[:PICTURES]
    assert stays[[1, 4, 5]].all()
    assert stays.sum() == 4


def test_medoids_are_as_good_as_trying_all():
    rows = np.random.default_rng(0).standard_normal((12, 3)).astype(np.float32)
    distance = np.linalg.norm(rows[:, None] - rows, axis=2).astype(np.float32)
    for count in (1, 2, 3):
        best = min(
            distance[:, list(places)].min(axis=1).sum() for places in combinations(range(12), count)
        )
        found = medoids(distance, count)
        assert len(set(found.tolist())) == count
        assert distance[:, found].min(axis=1).sum() == pytest.approx(best, rel=0.02)


def test_bundles_are_joined_with_the_species_that_one_lacks(birdlisten, write, tmp_path):
    small, large = write("small", BIRDS[:4]), write("large", wrong=2)
    joined = tmp_path / "joined"
    ended = birdlisten("gallery", "merge", small, large, "--output", joined)
    assert (ended.code, "12 pictures added, and 2 species" in ended.out) == (0, True)
    bundle = load_bundle(joined)
    assert len(bundle.taxonomy) == len(bundle.anchors) == 6
    assert bundle.manifest.name == "joined"
    assert np.argmax(bundle.anchors_by_id["genus2_bird5"]) == 5
    assert len(load_bundle(small).gallery.table) == 24
    again = birdlisten("gallery", "merge", large, "--bundle", joined)
    assert again.out == "0 pictures added, and 0 species\n"


def test_photographs_of_one_observation_are_told_apart(birdlisten, write, tmp_path):
    bundle = load_bundle(write("one", BIRDS[:1]))
    shared = [replace(row, url="https://x/observations/7") for row in bundle.gallery.table]
    half = replace(bundle.gallery, rows=bundle.gallery.rows[:2], table=tuple(shared[:2]))
    put_gallery(shutil.copytree(bundle.path, tmp_path / "half"), bundle.manifest, half)
    put_gallery(bundle.path, bundle.manifest, replace(bundle.gallery, table=tuple(shared)))
    ended = birdlisten("gallery", "merge", bundle.path, "--bundle", tmp_path / "half")
    assert "4 pictures added" in ended.out


def test_a_difference_names_species_and_pictures(birdlisten, write):
    small, large = write("small", BIRDS[:5]), write("large")
    assert birdlisten("gallery", "diff", small, small).code == 0
    ended = birdlisten("gallery", "diff", small, large, "--json")
    lines = ended.records()
    assert ended.code == 1
    assert {line["side"] for line in lines} == {"+"}
    assert [line["species"] for line in lines if not line["picture"]] == ["Genus2 bird5"]
    assert sum(bool(line["picture"]) for line in lines) == PICTURES
    assert "+ 6 pictures" in birdlisten("gallery", "diff", small, large).out


def test_bundles_of_two_teachers_are_not_joined(birdlisten, write):
    one, two = write("one"), write("two")
    text = (two / "manifest.json").read_text().replace("b" * 64, "c" * 64)
    (two / "manifest.json").write_text(text)
    ended = birdlisten("gallery", "merge", one, two)
    assert (ended.code, "only bundles of one teacher" in ended.err) == (1, True)


@pytest.mark.parametrize("has_function", [True, False])
def test_bits_are_counted_with_any_numpy(monkeypatch, has_function):
    if not has_function:
        monkeypatch.delattr(np, "bitwise_count", raising=False)
    packed = np.random.default_rng(0).integers(0, 256, (50, 16)).astype(np.uint8)
    assert bits.ones(packed).tolist() == np.unpackbits(packed, axis=1).sum(axis=1).tolist()


def test_a_picture_without_any_pattern_is_like_no_other():
    black, other = np.zeros((1, 16), np.uint8), np.full((1, 16), 0b01010101, np.uint8)
    assert not near(black, black[0].tobytes()).any()
    assert near(other, other[0].tobytes()).all()
