"""`python -m gallery.calibrate`: a bundle learns what its scores mean, or stays what it was."""

import shutil

import numpy as np
import pytest

pytest.importorskip("torch")
from edge.contract.bundle import load_bundle
from edge.contract.editing import editing
from edge.contract.tables import read_table
from edge.recognition.background import BANK_ROWS
from edge.recognition.encoder import open_encoder
from edge.recognition.runtime import RuntimeOptions
from gallery import likeness
from gallery.calibrate import main
from gallery.calibration.embedding import embed_recordings
from gallery.calibration.recordings import read_recordings
from gallery.calibration.scoring import ScoringModel, score
from gallery.calibration.threshold import true_matches
from train.aviary.dataset import AviaryConfig, build
from train.aviary.species import SPECIES_IDS
from train.noise.build import BackgroundConfig
from train.noise.build import build as build_background


def aviary(folder, species):
    """Small, but with all three splits."""
    config = AviaryConfig(
        species=species, individuals=3, recordings=1, pictures=3, backgrounds=3, seed=5
    )
    build(config, folder, progress=False, workers=1)
    return folder


@pytest.fixture(scope="module")
def recordings(tmp_path_factory):
    return aviary(tmp_path_factory.mktemp("recordings"), SPECIES_IDS[:3])


@pytest.fixture(scope="module")
def background(tmp_path_factory):
    folder = tmp_path_factory.mktemp("background")
    build_background(BackgroundConfig(hours=28 * 3 / 3600, length_s=3), folder)
    return folder


def test_a_bundle_learns_what_its_scores_mean(bundle_copy, recordings, background, capsys):
    arguments = [str(bundle_copy.path), "--recordings", str(recordings)]
    assert main([*arguments, "--background", str(recordings), str(background)]) == 0
    said = capsys.readouterr().out.splitlines()
    assert [line[:4] for line in said] == ["fp32", "fp16", "int8"]
    assert "recordings rightly" in said[0]
    assert said[1] == "fp16: as fp32, which hears the same"
    bundle = load_bundle(bundle_copy.path)
    assert bundle.calibration["fp16"] == bundle.calibration["fp32"]
    files = [bundle.manifest.roles[f"background.{name}"].file for name in ("fp32", "fp16")]
    assert len(set(files)) == 1, "its bank is kept once"
    for precision in ("fp32", "fp16", "int8"):
        bank, known = bundle.background(precision), bundle.calibrated(precision, "all")
        assert bank is not None
        assert 20 < len(bank) <= BANK_ROWS
        assert known is not None
        assert 0.3 <= known.threshold < 1
        probability = known.probability(np.linspace(-20, 30, 500))
        assert (np.diff(probability) >= 0).all()
        assert probability[0] < 0.1 < 0.5 < probability[-1]


def test_recordings_come_from_any_corpus(bundle_copy, recordings, background, tmp_path, capsys):
    rows = read_table(recordings / "manifest.csv", ("path", "scientific_name", "split"))
    sung = [row for row in rows if row["kind"] == "audio" and row["scientific_name"]]
    for row in sung:
        folder = tmp_path / row["split"] / row["scientific_name"].replace(" ", "_")
        folder.mkdir(parents=True, exist_ok=True)
        shutil.copy(recordings / row["path"], folder)
    data = ["--recordings", f"folders:{tmp_path}", "--background", str(background)]
    assert main([str(bundle_copy.path), *data]) == 0
    asked = sum(row["split"] == "validation" for row in sung)
    assert f"of {asked} recordings rightly" in capsys.readouterr().out


def test_the_default_set_is_chosen_by_what_the_sets_report(
    bundle_copy, recordings, background, capsys
):
    ids = load_bundle(bundle_copy.path).taxonomy.ids

    def with_a_small_set(manifest):
        manifest["species_sets"] = {"few": [ids[0]], "many": [*ids], "all": None}
        manifest["default_species_set"] = "few"

    bundle_copy.edit(with_a_small_set)
    folders = ["--recordings", str(recordings), "--background", str(background)]
    arguments = [str(bundle_copy.path), *folders]
    assert main(arguments) == 0
    assert load_bundle(bundle_copy.path).manifest.default_species_set == "few"
    assert main([*arguments, "--choose-set"]) == 0
    chosen = load_bundle(bundle_copy.path).manifest.default_species_set
    assert capsys.readouterr().out.splitlines()[-1] == f"default set: {chosen}"
    right = {
        name: reported(load_bundle(bundle_copy.path), name, recordings) for name in ("few", "many")
    }
    assert chosen == ("many" if right["many"] >= 0.8 * max(right.values()) else "few")


def reported(bundle, name, folder):
    """Recordings of the small set's species of which it is reported, in FP32."""
    known, bank = bundle.calibrated("fp32", name), bundle.background("fp32")
    encoder = open_encoder(bundle, "fp32", RuntimeOptions(threads=1))
    own = set(bundle.species_ids("few"))
    birds = read_recordings(folder, "validation", 48_000, birds=True)
    part = embed_recordings(
        [bird for bird in birds if bird.species_ids <= own], ScoringModel(bundle, encoder, bank)
    )
    windows = score(part, bundle, known.weights)[name]
    return true_matches(known.probability(windows.score), windows, known.threshold)[0]


def test_one_species_is_enough(bundle_copy, tmp_path, background):
    data = aviary(tmp_path / "one", SPECIES_IDS[:1])
    arguments = [str(bundle_copy.path), "--recordings", str(data)]
    assert main([*arguments, "--background", str(background)]) == 0


@pytest.mark.parametrize("lacks", ["background", "birds", "manifest"])
def test_without_recordings_it_is_said_and_nothing_changes(
    bundle_copy, recordings, background, tmp_path, capsys, lacks
):
    before = bundle_copy.manifest()
    birds, noise = tmp_path / "birds", tmp_path / "quiet"
    shutil.copytree(recordings, birds)
    shutil.copytree(background, noise)
    named = {"background": noise, "birds": birds, "manifest": birds}[lacks]
    if lacks == "manifest":
        (named / "manifest.csv").unlink()
    else:
        lines = (named / "manifest.csv").read_text().splitlines(keepends=True)
        kept = [lines[0], *(line for line in lines if ",validation" not in line)]
        (named / "manifest.csv").write_text("".join(kept))
    arguments = [str(bundle_copy.path), "--recordings", str(birds), "--background", str(noise)]
    assert main(arguments) == 1
    told = capsys.readouterr().err
    assert str(named) in told
    assert "Traceback" not in told
    assert bundle_copy.manifest() == before


def test_pictures_and_names_are_weighted_and_all_names_heard(
    bundle_copy, recordings, background, capsys
):
    folders = ["--background", str(recordings), str(background)]
    arguments = [str(bundle_copy.path), "--recordings", str(recordings), *folders]
    assert main([*arguments, "--fuse", "--least-right", "0.9"]) == 0
    bundle = load_bundle(bundle_copy.path)
    for precision in ("fp32", "fp16", "int8"):
        known = bundle.calibrated(precision, "all")
        assert known is not None
        assert known.weights is not None
        assert known.weights.pictures + known.weights.anchor == 1
    assert "recordings rightly" in capsys.readouterr().out


@pytest.mark.parametrize("command", [main, likeness.main])
def test_nobody_edits_a_bundle_while_it_is_calibrated(small_bundle, tmp_path, capsys, command):
    with editing(small_bundle.path):
        assert command([str(small_bundle.path), "--recordings", str(tmp_path)]) == 1
    assert "another program is editing it" in capsys.readouterr().err


def test_names_can_only_be_weighted_where_there_are_names(bundle_copy, recordings, capsys):
    def nameless(manifest):
        del manifest["roles"]["anchors"]

    bundle_copy.edit(nameless)
    arguments = [str(bundle_copy.path), "--recordings", str(recordings)]
    assert main([*arguments, "--fuse"]) == 1
    assert "--fuse" in capsys.readouterr().err
