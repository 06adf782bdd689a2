import shutil

import numpy as np
import onnx
import pytest

torch = pytest.importorskip("torch")
from transformers import ClapAudioConfig  # noqa: E402

from edge.contract.bundle import load_bundle  # noqa: E402
from edge.contract.errors import BundleError, ConfigError, DatasetError  # noqa: E402
from edge.contract.manifest import load_manifest  # noqa: E402
from edge.encoder import Encoder, open_encoder  # noqa: E402
from export.half import frontend_nodes, to_half  # noqa: E402
from export.onnx import Label, export, main, to_onnx  # noqa: E402
from export.parity import check_parity, compare, signals  # noqa: E402
from gallery.build import build  # noqa: E402
from gallery.teacher import load_teacher  # noqa: E402
from train.distill import distill  # noqa: E402
from train.frontend import LogMelSpec  # noqa: E402
from train.student import Student, WaveformStudent  # noqa: E402

# torch.export's own, in its tracing of transformers' models.
pytestmark = [
    pytest.mark.filterwarnings("ignore::DeprecationWarning:torch.*"),
    pytest.mark.filterwarnings("ignore::FutureWarning:torch.*"),
    pytest.mark.filterwarnings("ignore:.*is deprecated.*:FutureWarning:copyreg"),
]
WINDOW = 120_000


@pytest.fixture(scope="module")
def student():
    torch.manual_seed(0)
    config = ClapAudioConfig(
        spec_size=128,
        window_size=4,
        depths=[1, 1, 1],
        num_attention_heads=[2, 4, 8],
        patch_embeds_hidden_size=16,
        hidden_size=64,
        num_hidden_layers=3,
        initializer_factor=3.0,
    )
    return WaveformStudent(LogMelSpec(), Student(config.to_dict(), 32)).eval()


@pytest.fixture(scope="module")
def graph(student):
    return to_onnx(student, WINDOW)


@pytest.fixture(scope="module")
def bundle(world):
    run = distill(world.distillation("exported", steps=3))
    export(run, run / "bundle", ["fp32", "fp16"])
    build(run / "bundle", world.data, load_teacher(world.teacher), limit=2)
    return run / "bundle"


def test_the_graph_is_the_torch_model_through_the_deployed_encoder(student, graph):
    assert check_parity(student, graph.SerializeToString(), "fp32").worst[1] > 0.99999


def test_the_batch_is_dynamic(graph):
    encoder = Encoder(graph.SerializeToString())
    noise = np.random.default_rng(0).standard_normal((5, WINDOW)).astype(np.float32)
    together = encoder.encode(noise)
    alone = np.concatenate([encoder.encode(one[None]) for one in noise])
    assert together.shape == (5, 32)
    assert np.allclose(together, alone, atol=1e-5)


def test_half_keeps_the_front_end_in_single(student, graph):
    half = to_half(graph)
    onnx.checker.check_model(half)
    types = {one.name: one.data_type for one in half.graph.initializer}
    single, halved = onnx.TensorProto.FLOAT, onnx.TensorProto.FLOAT16
    front = set(frontend_nodes(graph))
    kept = {i for node in half.graph.node if node.name in front for i in node.input}
    assert {types[name] for name in kept if name in types} <= {single, onnx.TensorProto.INT64}
    weights = [one for one in half.graph.initializer if len(one.dims) == 2 and one.name not in kept]
    floats = {one.data_type for one in weights} & {single, halved}
    assert floats == {halved}
    floor = [
        onnx.numpy_helper.to_array(one)
        for one in half.graph.initializer
        if one.name in kept and one.data_type == single and not one.dims
    ]
    assert any(np.isclose(one, 1e-10, rtol=1e-3) for one in floor)


def test_half_has_single_ends_and_unique_names(graph):
    half = to_half(graph)
    ends = [*half.graph.input, *half.graph.output]
    assert {one.type.tensor_type.elem_type for one in ends} == {onnx.TensorProto.FLOAT}
    names = [node.name for node in half.graph.node]
    outputs = [out for node in half.graph.node for out in node.output]
    assert len(set(names)) == len(names)
    assert len(set(outputs)) == len(outputs)


def test_half_agrees_on_signals_that_break_front_ends(student, graph):
    parity = check_parity(student, to_half(graph).SerializeToString(), "fp16")
    assert np.isfinite(parity.cosine).all()


def test_parity_notices_a_front_end_in_half(student):
    # What a GPU would compute: the spectrum overflows half's 65504 and the log floor is lost.
    def halved(windows):
        frontend = student.frontend
        power = frontend._power_stft(torch.nn.functional.pad(torch.from_numpy(windows), (512, 512)))
        mel = (power.half().float().transpose(1, 2) @ frontend.filters).half()
        log_mel = (10 * torch.log10(mel.clamp(min=torch.tensor(1e-10).half()))).float()
        with torch.inference_mode():
            return student.student(log_mel[:, None]).numpy()

    def exact(windows):
        with torch.inference_mode():
            return student(torch.from_numpy(windows)).numpy()

    name, cosine = compare(exact, halved, WINDOW).worst
    assert not cosine > 0.999, name


def test_a_variant_outside_its_limit_is_not_written(student, graph):
    other = onnx.ModelProto()
    other.CopyFrom(graph)
    projection = next(one for one in other.graph.initializer if "projection" in one.name)
    shuffled = np.roll(onnx.numpy_helper.to_array(projection), 1)
    projection.CopyFrom(onnx.numpy_helper.from_array(shuffled, projection.name))
    with pytest.raises(DatasetError, match="was not written"):
        check_parity(student, other.SerializeToString(), "fp32")


def test_signals_are_the_hard_ones():
    made = signals(WINDOW)
    assert not made["silence"].any()
    assert np.abs(made["full-scale sine"]).max() > 0.999
    assert made["quiet noise"].std() < 2e-4
    assert all(one.shape == (WINDOW,) and one.dtype == np.float32 for one in made.values())


def test_the_bundle_loads_and_says_what_it_is(bundle, world):
    loaded = load_bundle(bundle)
    manifest = loaded.manifest
    assert manifest.precisions == ("fp32", "fp16")
    assert "aviary" in manifest.name
    assert manifest.provenance["synthetic"] is True
    assert loaded.anchors.shape == (5, manifest.embedding_dim)
    assert len(loaded.gallery.table) == 10
    assert all((bundle / "pictures" / row.picture).is_file() for row in loaded.gallery.table)
    assert {row.author for row in loaded.gallery.table} == {"birdlisten aviary"}


def test_a_bundle_gets_a_label_and_keeps_its_sets_when_exported_anew(world, tmp_path):
    run, output = distill(world.distillation("labelled", steps=1)), tmp_path / "bundle"
    (tmp_path / "garden.txt").write_text("# mine\nParus major\nTurdus merula\n")
    (tmp_path / "figures.json").write_text('{"R@1": 0.5}')
    label = Label("mine", "CC0-1.0", tmp_path / "garden.txt", tmp_path / "figures.json")
    manifest = export(run, output, ["fp32"], label)
    assert (manifest.name, manifest.licence) == ("mine", "CC0-1.0")
    assert manifest.provenance["figures"] == {"R@1": 0.5}
    build(output, world.data, load_teacher(world.teacher), limit=1)
    export(run, output, ["fp32"])
    loaded = load_bundle(output)
    assert loaded.manifest.default_species_set == "garden"
    assert loaded.species_ids("garden") == ("parus_major", "turdus_merula")
    assert len(loaded.gallery.table) == 5


def test_a_label_that_cant_be_used_is_named(world, tmp_path):
    run = distill(world.distillation("mislabelled", steps=1))
    (tmp_path / "garden.txt").write_text("Pica pica\n")
    with pytest.raises(ConfigError, match="pica_pica"):
        export(run, tmp_path / "bundle", ["fp32"], Label(species=tmp_path / "garden.txt"))
    with pytest.raises(ConfigError, match="not readable as JSON"):
        export(run, tmp_path / "bundle", ["fp32"], Label(figures=tmp_path / "garden.txt"))
    assert not (tmp_path / "bundle").exists()


def test_a_gallery_can_name_its_pictures_without_shipping_them(world, bundle, tmp_path):
    output = tmp_path / "linked"
    shutil.copytree(bundle, output)
    build(output, world.data, load_teacher(world.teacher), limit=2, thumbnails=False)
    linked, shown = load_bundle(output).gallery, load_bundle(bundle).gallery
    assert {row.picture for row in linked.table} == {""}
    assert {row.author for row in linked.table} == {"birdlisten aviary"}
    assert np.array_equal(linked.rows, shown.rows)
    assert not (output / "pictures").exists()


def test_the_fourier_transform_is_looked_up_not_stored(graph):
    largest = max(onnx.numpy_helper.to_array(one).nbytes for one in graph.graph.initializer)
    assert largest < 600_000


def test_the_graph_carries_the_manifests_words(bundle):
    loaded = load_bundle(bundle)
    for precision in loaded.manifest.precisions:
        metadata = open_encoder(loaded, precision).metadata
        assert metadata["precision"] == precision
        assert metadata["model_id"] == metadata["sha256"] == loaded.manifest.model_id
        assert metadata["space_id"] == loaded.manifest.space_id


def test_gallery_rows_are_the_teachers_embeddings_of_the_pictures(bundle, world):
    from gallery.records import open_picture, read_records

    loaded, teacher = load_bundle(bundle), load_teacher(world.teacher)
    records = read_records(world.data, loaded.taxonomy)[:2]
    expected = teacher.embed_images(open_picture(one.path) for one in records)
    assert np.allclose(loaded.gallery.rows[:2].astype(np.float32), expected, atol=2e-3)


def test_another_teacher_is_refused(bundle, world, tmp_path):
    from dataclasses import replace

    stranger = replace(load_teacher(world.teacher), space_id="0" * 64)
    with pytest.raises(BundleError, match="--teacher"):
        build(bundle, world.data, stranger)
    assert load_manifest(bundle).precisions


def test_an_unknown_precision_is_a_usage_error(capsys):
    assert main(["--checkpoint", "nowhere", "--precision", "fp8"]) == 2
    assert "fp8" in capsys.readouterr().err


def test_no_run_names_the_command_that_makes_one(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert main([]) == 1
    assert "python -m train.distill" in capsys.readouterr().err
