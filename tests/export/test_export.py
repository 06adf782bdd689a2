import errno
import json
import os
import shutil

import numpy as np
import pytest

torch = pytest.importorskip("torch")
from edge.contract.bundle import load_bundle  # noqa: E402
from edge.contract.errors import BundleError, ConfigError  # noqa: E402
from edge.contract.manifest import load_manifest  # noqa: E402
from edge.recognition.encoder import open_encoder  # noqa: E402
from export.fidelity import FidelityLimits  # noqa: E402
from export.methods import Variants  # noqa: E402
from export.onnx import BundleLabel, export, main  # noqa: E402
from export.parity import main as parity  # noqa: E402
from gallery.build import PictureChoice, build  # noqa: E402
from gallery.teacher import load_teacher  # noqa: E402
from train.distill import distill  # noqa: E402

# torch.export's own, in its tracing of transformers' models.
pytestmark = [
    pytest.mark.filterwarnings("ignore::DeprecationWarning:torch.*"),
    pytest.mark.filterwarnings("ignore::FutureWarning:torch.*"),
    pytest.mark.filterwarnings("ignore:.*is deprecated.*:FutureWarning:copyreg"),
]


@pytest.fixture(scope="module", autouse=True)
def _own_cache(computed):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("train.distill.CACHE", computed)
        yield


@pytest.fixture(scope="module")
def run(world):
    return distill(world.distillation("one-step", steps=1))


@pytest.fixture(scope="module")
def bundle(world):
    run = distill(world.distillation("exported", steps=3))
    export(run, run / "bundle")
    build(run / "bundle", world.data, lambda: load_teacher(world.teacher), PictureChoice(limit=2))
    return run / "bundle"


def test_the_bundle_loads_and_says_what_it_is(bundle, world):
    loaded = load_bundle(bundle)
    manifest = loaded.manifest
    assert manifest.precisions == ("fp32", "fp16", "int8")
    assert "aviary" in manifest.name
    assert manifest.provenance["synthetic"] is True
    assert loaded.anchors.shape == (5, manifest.embedding_dim)
    assert len(loaded.gallery.table) == 10
    assert all((bundle / "pictures" / row.picture).is_file() for row in loaded.gallery.table)
    assert {row.author for row in loaded.gallery.table} == {"birdlisten aviary"}


def test_a_bundle_gets_a_label_and_keeps_its_sets_when_exported_anew(world, run, tmp_path):
    output = tmp_path / "bundle"
    (tmp_path / "garden.txt").write_text("# mine\nParus major\nTurdus merula\n")
    (tmp_path / "figures.json").write_text('{"R@1": 0.5}')
    (tmp_path / "park.txt").write_text("Parus major\n")
    sets = [tmp_path / "garden.txt", tmp_path / "park.txt"]
    label = BundleLabel("mine", "CC0-1.0", sets, tmp_path / "figures.json")
    manifest = export(run, output, Variants(["fp32"]), label)
    assert (manifest.name, manifest.licence) == ("mine", "CC0-1.0")
    assert manifest.provenance["figures"] == {"R@1": 0.5}
    build(output, world.data, lambda: load_teacher(world.teacher), PictureChoice(limit=1))
    export(run, output, Variants(["fp32"]))
    loaded = load_bundle(output)
    assert loaded.manifest.default_species_set == "garden"
    assert loaded.species_ids("garden") == ("parus_major", "turdus_merula")
    assert loaded.species_ids("park") == ("parus_major",)
    assert len(loaded.gallery.table) == 5


@pytest.mark.parametrize(
    ("hint", "network", "licence"),
    [("birdnet", "BirdNET v2.4", "CC-BY-NC-SA-4.0"), ("moved/away", "moved/away", None)],
)
def test_the_manifest_says_whose_network_was_imitated(run, tmp_path, hint, network, licence):
    checkpoint = shutil.copytree(run, tmp_path / "run")
    note = checkpoint / "checkpoint.json"
    content = json.loads(note.read_text())
    content["config"]["hint"] = hint
    note.write_text(json.dumps(content))
    manifest = export(checkpoint, tmp_path / "bundle", Variants(["fp32"]))
    said = manifest.provenance["learned_from"]
    assert (said["network"], said.get("licence")) == (network, licence)
    assert "learned_from" not in export(run, tmp_path / "own", Variants(["fp32"])).provenance


def test_a_label_that_cant_be_used_is_named(run, tmp_path):
    (tmp_path / "garden.txt").write_text("Pica pica\n")
    with pytest.raises(ConfigError, match="pica_pica"):
        export(
            run,
            tmp_path / "bundle",
            Variants(["fp32"]),
            BundleLabel(species=[tmp_path / "garden.txt"]),
        )
    with pytest.raises(ConfigError, match="not readable as JSON"):
        export(
            run,
            tmp_path / "bundle",
            Variants(["fp32"]),
            BundleLabel(figures=tmp_path / "garden.txt"),
        )
    assert not (tmp_path / "bundle").exists()


def test_a_gallery_can_name_its_pictures_without_shipping_them(world, bundle, tmp_path):
    output = tmp_path / "linked"
    shutil.copytree(bundle, output)
    build(
        output,
        world.data,
        lambda: load_teacher(world.teacher),
        PictureChoice(limit=2, thumbnails=False, replace=True),
    )
    linked, shown = load_bundle(output).gallery, load_bundle(bundle).gallery
    assert {row.picture for row in linked.table} == {""}
    assert {row.author for row in linked.table} == {"birdlisten aviary"}
    assert np.array_equal(linked.rows, shown.rows)
    assert not (output / "pictures").exists()


def test_the_graph_carries_the_manifests_words(bundle):
    loaded = load_bundle(bundle)
    for precision in loaded.manifest.precisions:
        metadata = open_encoder(loaded, precision).metadata
        assert metadata["precision"] == precision
        assert metadata["model_id"] == metadata["sha256"] == loaded.manifest.model_id
        assert metadata["space_id"] == loaded.manifest.space_id


def test_gallery_rows_are_the_teachers_embeddings_of_the_pictures(bundle, world):
    from edge.recognition.pictures import open_picture
    from gallery.records import read_records

    loaded, teacher = load_bundle(bundle), load_teacher(world.teacher)
    records = read_records(world.data, loaded.taxonomy)[:2]
    expected = teacher.embed_images(open_picture(record.path) for record in records)
    assert np.allclose(loaded.gallery.rows[:2].astype(np.float32), expected, atol=2e-3)


def test_another_teacher_is_refused(bundle, world, tmp_path):
    from dataclasses import replace

    stranger = replace(load_teacher(world.teacher), space_id="0" * 64)
    with pytest.raises(BundleError, match="--teacher"):
        build(bundle, world.data, lambda: stranger)
    assert load_manifest(bundle).precisions


def test_a_full_disk_leaves_the_old_bundle_and_one_line(bundle, tmp_path, monkeypatch, capsys):
    output = tmp_path / "kept"
    shutil.copytree(bundle, output)
    before = {file.name: file.read_bytes() for file in output.iterdir() if file.is_file()}
    written = []

    def full(handle):
        written.append(handle)
        if len(written) > 2:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr("edge.contract.atomic.os.fsync", full)
    arguments = ["--checkpoint", bundle.parent, "--output", output, "--precision", "fp32"]
    assert main([str(one) for one in [*arguments, "--name", "another"]]) == 1
    assert capsys.readouterr().err.strip().splitlines()[-1].endswith("No space left on device")
    assert {f.name: f.read_bytes() for f in output.iterdir() if f.is_file()} == before


def test_a_checkpoint_of_another_format_is_named(tmp_path, capsys):
    folder = tmp_path / "other"
    folder.mkdir()
    (folder / "checkpoint.json").write_text('{"weights": "model.bin"}')
    assert main(["--checkpoint", str(folder)]) == 1
    assert "damaged checkpoint" in capsys.readouterr().err
    assert not (folder / "bundle").exists()


def test_an_inexact_variant_is_written_only_if_asked_for_and_the_manifest_says_so(
    run, tmp_path, monkeypatch, capsys
):
    strict = {"fp32": FidelityLimits(2.0, 2.0)}
    monkeypatch.setattr("export.fidelity.LIMITS", strict)
    monkeypatch.setattr("export.variants.LIMITS", strict)
    arguments = ["--checkpoint", str(run), "--output", str(tmp_path / "b"), "--precision", "fp32"]
    assert main(arguments) == 1
    assert "was not written" in capsys.readouterr().err
    assert not (tmp_path / "b").exists()
    assert main([*arguments, "--beyond-limits"]) == 0
    noted = load_manifest(tmp_path / "b").provenance["parity"]["fp32"]
    assert noted["beyond_limits"]
    assert noted["mean_cosine_on_recordings"] > 0.9999


def test_parity_of_a_bundle_is_a_table_and_its_figures(bundle, world, capsys):
    arguments = [str(bundle), "--recordings", str(world.data)]
    assert parity([*arguments, "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert list(found) == ["fp32", "fp16", "int8"]
    for figures in found.values():
        assert figures["recordings"][0] > 0.999
        assert figures["sets"]["all"]["top1"] > 0.9
        assert abs(figures["sets"]["all"]["mAP_loss"]) < 5
    assert parity(arguments) == 0
    assert capsys.readouterr().out.count("| int8 |") == 1


def test_parity_wants_the_checkpoint_that_the_bundle_was_made_from(bundle, world, capsys):
    other = distill(world.distillation("other-parent", steps=1))
    assert parity([str(bundle), "--checkpoint", str(other)]) == 1
    assert "--checkpoint" in capsys.readouterr().err


def test_an_unknown_precision_is_a_usage_error(capsys):
    assert main(["--checkpoint", "nowhere", "--precision", "fp8"]) == 2
    assert "fp8" in capsys.readouterr().err


def test_no_run_names_the_command_that_makes_one(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert main([]) == 1
    assert "python -m train.distill" in capsys.readouterr().err
