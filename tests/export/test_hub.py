"""A run as a repository of the hub: in a folder, uploaded, and fetched again."""

import json
import shutil

import numpy as np
import pytest
import yaml

torch = pytest.importorskip("torch")
from edge.contract.bundle import load_bundle, npy_bytes, write_bundle  # noqa: E402
from edge.contract.gallery import Gallery, GalleryRow  # noqa: E402
from edge.contract.manifest import Manifest  # noqa: E402
from edge.system.bundles import find_bundle  # noqa: E402
from edge.system.hub_bundle import fetched  # noqa: E402
from export.hub import main  # noqa: E402
from tests.support.factories import DIM, unit_rows  # noqa: E402
from tests.support.hub import Hub  # noqa: E402
from tests.support.published_models import TINY  # noqa: E402
from train.model.checkpoint import (  # noqa: E402
    Checkpoint,
    load_checkpoint,
    model_id,
    save_checkpoint,
)
from train.model.frontend import LogMelSpec  # noqa: E402
from train.model.student import Student  # noqa: E402

REPORT = {
    "dataset": "inatsounds",
    "split": "validation",
    "rows": [
        {"method": "distilled", "species": "seen", "task": "A->I", "mAP": {"mean": 0.51237}},
        {"method": "chance", "species": "seen", "task": "A->I", "mAP": {"mean": 0.1}},
    ],
}


@pytest.fixture
def run(tmp_path, taxonomy):
    """A run with a bundle; nobody has trained it, and its graphs are bytes."""
    torch.manual_seed(0)
    from transformers import ClapAudioConfig

    audio = ClapAudioConfig(**TINY.audio).to_dict()
    folder = tmp_path / "run"
    save(folder, Student(audio, DIM), taxonomy)
    checkpoint = load_checkpoint(folder)
    table = [
        GalleryRow(species.species_id, f"{species.species_id}.jpg", "https://x.test", "Bea", "CC0")
        for species in taxonomy.species
    ]
    rows = unit_rows(len(table), 1)
    manifest = Manifest(
        name="mine",
        licence="CC-BY-NC-4.0",
        model_id=model_id(folder),
        space_id=checkpoint.space_id,
        audio=checkpoint.audio,
        embedding_dim=DIM,
        teacher="hf-hub:imageomics/bioclip-2",
        student=checkpoint.origin,
        roles={},
        provenance={"learned_from": {"network": "BirdNET", "credit": "Cornell Lab"}},
    )
    contents = {
        "encoder.fp32": b"a graph",
        "encoder.int8": b"a small graph",
        "taxonomy": (folder / "taxonomy.csv").read_bytes(),
        "gallery.rows": npy_bytes(rows),
        "gallery.table": Gallery(rows, tuple(table)).table_csv(),
    }
    write_bundle(folder / "bundle", manifest, contents)
    (folder / "bundle" / "pictures").mkdir()
    for row in table:
        (folder / "bundle" / "pictures" / row.picture).write_bytes(b"picture")
    (folder / "bundle" / "notes.txt").write_text("private")
    (folder / "metrics.jsonl").write_text("{}\n")
    return folder


def save(folder, student, taxonomy, **changes):
    values = {
        "student": student.eval(),
        "frontend": LogMelSpec(),
        "window_samples": 120_000,
        "space_id": "b" * 64,
        "taxonomy": taxonomy,
        "anchors": np.full((len(taxonomy), DIM), DIM**-0.5, np.float32),
        "dataset": "inatsounds",
        "synthetic": False,
        "licences": ("CC-BY-NC", "CC0"),
        "seen_species": ("strix_aluco",),
        "config": {
            "student": "davidrrobinson/BioLingual",
            "teacher": "hf-hub:imageomics/bioclip-2",
        },
    }
    save_checkpoint(folder, Checkpoint(**{**values, **changes}))


def front(card):
    return yaml.safe_load(card.split("---\n")[1])


def files(folder):
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}


def test_the_folder_holds_card_checkpoint_graphs_and_bundle_and_nothing_else(run, tmp_path):
    target = tmp_path / "mine"
    assert main([str(run), "--to", str(target)]) == 0
    bundle = load_bundle(target / "bundle")
    named = {entry.file for entry in bundle.manifest.roles.values()} | {"manifest.json"}
    pictures = {f"pictures/{row.picture}" for row in bundle.gallery.table}
    assert files(target) == {
        *("README.md", "checkpoint.json", "model.safetensors", "taxonomy.csv", "anchors.npy"),
        *("config.json", "preprocessor_config.json"),
        *("onnx/model.onnx", "onnx/model_int8.onnx"),
        *(f"bundle/{name}" for name in named | pictures),
    }
    assert (target / "onnx" / "model_int8.onnx").read_bytes() == b"a small graph"
    assert model_id(target) == model_id(run)


def test_the_card_tells_licences_origins_and_figures(run, tmp_path):
    (run / "evaluation.json").write_text(json.dumps(REPORT))
    (run / "evaluation.md").write_text("| method | mAP |\n|---|---|\n| distilled | 0.512 |\n")
    assert main([str(run), "--to", str(tmp_path / "mine")]) == 0
    card = (tmp_path / "mine" / "README.md").read_text()
    told = front(card)
    assert told["license"] == "cc-by-nc-4.0"
    assert told["base_model"] == "davidrrobinson/BioLingual"
    assert told["datasets"] == ["inatsounds"]
    (result,) = told["model-index"][0]["results"]
    assert (result["metrics"][0]["type"], result["metrics"][0]["value"]) == ("mAP", 0.5124)
    assert "| distilled | 0.512 |" in card
    assert "birdlisten --bundle hf:OWNER/mine" in card
    assert "ClapAudioModelWithProjection" in card
    assert "Cornell Lab" in card
    assert "CC0 (3)" in card
    assert "ynthetic" not in card


def test_what_the_aviary_made_says_so_and_paths_are_not_told(run, tmp_path, taxonomy):
    student = load_checkpoint(run).student
    config = {"student": f"{tmp_path}/secret/student", "teacher": f"local-dir:{tmp_path}/teacher"}
    save(run, student, taxonomy, synthetic=True, config=config)
    assert main([str(run), "--to", str(tmp_path / "mine")]) == 0
    card = (tmp_path / "mine" / "README.md").read_text()
    assert "Synthetic aviary" in card
    assert "synthetic-aviary" in front(card)["tags"]
    assert "base_model" not in front(card)
    assert str(tmp_path) not in card


def test_a_licence_that_the_hub_has_no_name_for_is_told_as_other(run, tmp_path):
    manifest = load_bundle(run / "bundle").manifest
    text = manifest.to_json().replace("CC-BY-NC-4.0", "CC0 AND research use only")
    (run / "bundle" / "manifest.json").write_text(text)
    assert main([str(run), "--to", str(tmp_path / "mine")]) == 0
    told = front((tmp_path / "mine" / "README.md").read_text())
    assert (told["license"], told["license_name"]) == ("other", "cc0-and-research-use-only")


def test_a_folder_is_renewed_and_another_one_is_left_alone(run, tmp_path, capsys):
    target = tmp_path / "mine"
    assert main([str(run), "--to", str(target)]) == 0
    (target / "bundle" / "stale.onnx").write_bytes(b"of another export")
    (target / ".gitattributes").write_text("kept")
    assert main([str(run), "--to", str(target)]) == 0
    assert "bundle/stale.onnx" not in files(target)
    assert ".gitattributes" in files(target)
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "thesis.tex").write_text("precious")
    before = files(run)
    for place in (tmp_path / "other", run, run / "bundle", run / "onnx", run / "hub", tmp_path):
        assert main([str(run), "--to", str(place)]) == 2
    assert files(tmp_path / "other") == {"thesis.tex"}
    assert files(run) == before
    assert "Traceback" not in capsys.readouterr().err


def test_a_run_and_the_bundle_that_is_laid_out_are_never_renewed(run, tmp_path):
    target = tmp_path / "mine"
    assert main([str(run), "--to", str(target)]) == 0
    other = tmp_path / "other"
    shutil.copytree(run, other)
    linked = tmp_path / "linked"
    shutil.copytree(target, linked)
    shutil.rmtree(linked / "bundle")
    (linked / "bundle").symlink_to(run / "bundle")
    before = files(tmp_path)
    assert main([str(run), "--to", str(other)]) == 2
    assert main([str(run), "--to", str(linked)]) == 2
    assert main([str(run), "--bundle", str(target / "bundle"), "--to", str(target)]) == 2
    assert files(tmp_path) == before


def test_a_picture_that_is_lost_is_told_before_anything_is_renewed(run, tmp_path, capsys):
    target = tmp_path / "mine"
    assert main([str(run), "--to", str(target)]) == 0
    before = files(target)
    next((run / "bundle" / "pictures").iterdir()).unlink()
    assert main([str(run), "--to", str(target)]) == 1
    assert "is missing" in capsys.readouterr().err
    assert files(target) == before


def test_a_bundle_of_another_run_a_damaged_one_and_none_are_refused(
    run, tmp_path, taxonomy, capsys
):
    other = tmp_path / "other"
    save(other, Student(load_checkpoint(run).student.audio_config, DIM, DIM), taxonomy)
    target = ["--to", str(tmp_path / "mine")]
    assert main([str(other), *target]) == 1
    assert "python -m export.onnx" in capsys.readouterr().err
    assert main([str(other), "--bundle", str(run / "bundle"), *target]) == 1
    assert "another run" in capsys.readouterr().err
    graph = next((run / "bundle").glob("encoder.int8-*"))
    graph.write_bytes(b"A small graph")
    assert main([str(run), *target]) == 1
    assert "sha256" in capsys.readouterr().err
    assert not (tmp_path / "mine").exists()


def test_what_is_uploaded_is_what_a_recorder_fetches(run, tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    monkeypatch.setenv("HF_TOKEN", "hf_of_nobody")
    fetched.cache_clear()
    with Hub() as hub:
        hub.stand_in(monkeypatch)
        assert main([str(run), "--to", "hf:me/mine"]) == 0
        assert capsys.readouterr().out.strip().startswith(f"{hub.url}/me/mine/commit/")
        folder = find_bundle("hf:me/mine")
        hub.repos["me/mine"]["bundle/stale.onnx"] = b"of a former export"
        assert main([str(run), "--to", "hf:me/mine"]) == 0
        assert "bundle/stale.onnx" not in hub.repos["me/mine"]
        assert "birdlisten --bundle hf:me/mine" in hub.repos["me/mine"]["README.md"].decode()
    own = files(run / "bundle") - {"notes.txt"}
    assert files(folder) == own | {"hub.json"}
    assert load_bundle(folder).encoder_bytes("int8") == b"a small graph"
    fetched.cache_clear()


def test_without_a_network_an_upload_fails_in_one_line(run, monkeypatch, capsys):
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    monkeypatch.setenv("HF_TOKEN", "hf_of_nobody")
    assert main([str(run), "--to", "hf:me/mine"]) == 1
    told = capsys.readouterr()
    assert told.out == ""
    assert len(told.err.strip().splitlines()) == 1
    assert "not uploaded" in told.err
    assert main([str(run), "--to", "hf:me"]) == 2
