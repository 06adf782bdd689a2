"""The packaged bundle: real birds, small enough, credited, and honest about what it is."""

import json
import re

import numpy as np
import pytest

from edge.cli import main
from edge.config import PACKAGED_BUNDLE, Settings
from edge.contract.bundle import load_bundle
from edge.contract.credit import author_name
from edge.contract.picture_source import picture_page
from tests.support import ROOT

NOTICE = (ROOT / "NOTICE").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def starter():
    return load_bundle(PACKAGED_BUNDLE)


def test_it_is_the_default_and_small():
    assert Settings().bundle == str(PACKAGED_BUNDLE)
    assert sum(path.stat().st_size for path in PACKAGED_BUNDLE.rglob("*") if path.is_file()) <= 28e6


def test_it_holds_what_its_manifest_names_and_nothing_else(starter):
    named = {entry.file for entry in starter.manifest.roles.values()} | {"manifest.json"}
    assert {path.name for path in PACKAGED_BUNDLE.iterdir()} == named


def test_it_listens_for_what_every_fold_was_trained_on(starter):
    assert starter.manifest.default_species_set == "heard"
    assert len(starter.species_ids("core")) == 29
    assert set(starter.species_ids("core")) < set(starter.species_ids("heard"))
    assert len({row.species_id for row in starter.gallery.table}) == 570
    for species_set in ("core", "heard", "all"):
        assert all(starter.calibrated(one, species_set) for one in ("fp32", "fp16", "int8"))


def test_no_picture_is_shipped_but_each_is_found_and_credited(starter):
    for row in starter.gallery.table:
        assert row.picture == ""
        assert re.match(r"https?://", row.url)
        assert row.author == author_name(row.author), "a name, and nothing else"
        assert f"{row.author} | {picture_page(row.url)}" in NOTICE
        assert row.licence


def test_an_address_is_a_pictures_where_the_whole_name_of_its_file_is_known(starter):
    images = [row for row in starter.gallery.table if "/Special:FilePath/" in row.url]
    assert len(starter.gallery.table) - len(images) == 2


def test_it_says_whose_it_is_and_how_good_its_recipe_was(starter):
    manifest = starter.manifest
    assert manifest.name == "starter"
    assert manifest.licence == "CC-BY-NC-SA-4.0"
    assert manifest.provenance["synthetic"] is False
    assert any(row["task"] == "A->species" for row in manifest.provenance["figures"]["rows"])
    assert "shared" not in json.dumps(manifest.provenance)
    assert "powered by BirdNET" in NOTICE


def test_a_match_shows_where_its_picture_is(monkeypatch, capsys, tmp_path):
    soundfile = pytest.importorskip("soundfile")
    monkeypatch.delenv("BIRDLISTEN_BUNDLE")
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    gusts = np.exp(np.sin(np.arange(6 * 48_000) / 4000))  # the gate holds back steady noise
    noise = np.random.default_rng(0).normal(0, 0.05, 6 * 48_000) * gusts
    soundfile.write(tmp_path / "noise.wav", noise, 48_000)
    arguments = ["listen", "--input", str(tmp_path / "noise.wav"), "--json", "--threshold", "0"]
    assert main(arguments) == 0
    records = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert records
    assert records[0]["bundle"] == "starter"
    for picture in records[0]["pictures"]:
        assert picture["file"] is None
        assert picture["url"].startswith("http")


def test_a_photograph_finds_birds_that_look_like_it(tmp_path):
    """The image tower gives rows of the gallery's space: a picture is nearest to itself."""
    pytest.importorskip("PIL")
    from PIL import Image

    from edge.recognition.pictures import PictureEncoder

    starter = load_bundle(PACKAGED_BUNDLE)
    tower = PictureEncoder(starter.path, starter.manifest)
    colours = np.random.default_rng(0).integers(0, 256, (12, 16, 3)).astype(np.uint8)
    image = Image.fromarray(colours).resize((640, 480))
    row, again, turned = tower.embed([image, image.resize((320, 240)), image.rotate(90)])
    assert row.shape == (starter.manifest.embedding_dim,)
    wide = row.astype(np.float32)
    assert np.linalg.norm(wide) == pytest.approx(1, abs=2e-3)
    assert wide @ again.astype(np.float32) > max(0.9, float(wide @ turned.astype(np.float32)))
