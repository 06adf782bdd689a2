"""The exported graph: the same numbers as torch, and what lies in which precision."""

import warnings
from dataclasses import replace

import numpy as np
import onnx
import pytest

torch = pytest.importorskip("torch")

from edge.contract.errors import ConfigError, DatasetError  # noqa: E402
from edge.recognition.encoder import Encoder  # noqa: E402
from export.comparison import compare  # noqa: E402
from export.emulate import rounded  # noqa: E402
from export.fidelity import LIMITS, check  # noqa: E402
from export.graph import to_onnx  # noqa: E402
from export.half import to_half, to_half_weights  # noqa: E402
from export.htsat import Htsat  # noqa: E402
from export.int8 import to_int8  # noqa: E402
from export.methods import METHODS  # noqa: E402
from export.scopes import frontend_nodes  # noqa: E402
from export.signals import signals  # noqa: E402
from tests.support import ROOT  # noqa: E402
from tests.support.encoders import DIM, SMALL_HTSAT, WINDOW, small_cnn, small_htsat  # noqa: E402
from train.model.student import Student  # noqa: E402

pytestmark = [
    pytest.mark.filterwarnings("ignore::DeprecationWarning:torch.*"),
    pytest.mark.filterwarnings("ignore::FutureWarning:torch.*"),
    pytest.mark.filterwarnings("ignore:.*is deprecated.*:FutureWarning:copyreg"),
]
SINGLE, HALF, INT8 = onnx.TensorProto.FLOAT, onnx.TensorProto.FLOAT16, onnx.TensorProto.INT8


def weights(model):
    """Numbers in the weights of layers behind the front end."""
    front, stored = set(frontend_nodes(model)), {i.name: i for i in model.graph.initializer}
    layers = [one for one in model.graph.node if one.op_type in ("Conv", "Gemm", "MatMul")]
    names = {layer.input[1] for layer in layers if layer.name not in front} & set(stored)
    return sum(int(np.prod(stored[name].dims)) for name in names)


def traced(student):
    return to_onnx(student.frontend.spec, student.student, WINDOW)


@pytest.fixture(scope="module")
def htsat():
    return small_htsat()


@pytest.fixture(scope="module")
def graph(htsat):
    return traced(htsat)


@pytest.fixture(scope="module")
def cnn():
    return small_cnn()


@pytest.fixture(scope="module")
def cnn_graph(cnn):
    return traced(cnn)


def sizes(model, kind):
    """Numbers that a graph stores in a type."""
    return sum(int(np.prod(one.dims)) for one in model.graph.initializer if one.data_type == kind)


def test_htsat_laid_out_anew_gives_the_numbers_of_transformers_own(htsat):
    tower = htsat.student.tower
    log_mel = 10 * torch.randn(3, 1, 251, 64) - 40
    with torch.inference_mode():
        expected = tower(log_mel)
        found = Htsat(tower.audio_encoder, 251).eval()(log_mel)
    assert torch.allclose(found, expected, atol=1e-5)
    assert expected.std(dim=0).mean() > 0.01


def test_htsat_needs_no_stretching_where_the_window_is_full(htsat):
    tower = htsat.student.tower
    log_mel = 10 * torch.randn(2, 1, 256, 64) - 40
    with torch.inference_mode():
        assert torch.allclose(Htsat(tower.audio_encoder, 256)(log_mel), tower(log_mel), atol=1e-5)


def test_tokens_that_fill_no_whole_windows_are_refused():
    config = {**SMALL_HTSAT.to_dict(), "window_size": 5}
    with pytest.raises(DatasetError, match="32 tokens a side are no whole windows of 5"):
        Htsat(Student(config, DIM).tower.audio_encoder, 251)


def test_the_graph_is_the_torch_model_through_the_deployed_encoder(htsat, graph):
    parity = compare(htsat, graph.SerializeToString())
    assert min(parity.signals.values()) > 0.99999
    assert max(parity.log_mel_db.values()) < 0.05


def test_the_batch_is_dynamic(graph):
    encoder = Encoder(graph.SerializeToString())
    noise = np.random.default_rng(0).standard_normal((5, WINDOW)).astype(np.float32)
    together = encoder.encode(noise)
    alone = np.concatenate([encoder.encode(one[None]) for one in noise])
    assert together.shape == (5, DIM)
    assert np.allclose(together, alone, atol=1e-5)


def test_node_names_show_the_rooms_and_every_name_is_unique(graph):
    for model in (graph, to_half(graph)):
        onnx.checker.check_model(model)
        outputs = [out for node in model.graph.node for out in node.output]
        names = [node.name for node in model.graph.node]
        assert len(set(outputs)) == len(outputs)
        assert len(set(names)) == len(names)
    names = [node.name for node in graph.graph.node]
    for module in ("frontend.folded.even/MatMul", "tower.blocks.1.widen/", "projection/"):
        assert any(name.startswith(module) for name in names), module


def test_no_path_of_the_machine_is_written_into_a_graph(graph):
    root = str(ROOT).encode()
    assert root not in graph.SerializeToString()
    assert b"stack_trace" not in graph.SerializeToString()


def test_nothing_is_computed_that_could_be_stored(graph):
    kinds = {node.op_type for node in graph.graph.node}
    assert not kinds & {"Where", "Resize", "Erf", "STFT", "Equal"}
    assert "Gelu" in kinds


def test_half_keeps_the_front_end_in_single(graph):
    half = to_half(graph)
    types = {one.name: one.data_type for one in half.graph.initializer}
    front = set(frontend_nodes(graph))
    kept = {name for node in half.graph.node if node.name in front for name in node.input}
    assert {types[name] for name in kept if name in types} <= {SINGLE, onnx.TensorProto.INT64}
    weights = [one for one in half.graph.initializer if len(one.dims) == 2 and one.name not in kept]
    assert {weight.data_type for weight in weights} & {SINGLE, HALF} == {HALF}
    floors = [
        onnx.numpy_helper.to_array(one)
        for one in half.graph.initializer
        if one.name in kept and one.data_type == SINGLE and not one.dims
    ]
    assert any(np.isclose(floor, 1e-10, rtol=1e-3) for floor in floors)


def test_half_has_single_ends(graph):
    half = to_half(graph)
    ends = [*half.graph.input, *half.graph.output]
    assert {end.type.tensor_type.elem_type for end in ends} == {SINGLE}


def test_half_agrees_on_signals_that_break_front_ends(htsat, graph):
    check(compare(htsat, to_half(graph).SerializeToString()), "fp16")


def naive_half(graph):
    """What a converter makes of the whole graph when nothing is spared."""
    from onnxruntime.transformers.float16 import convert_float_to_float16

    copy = onnx.ModelProto()
    copy.CopyFrom(graph)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "the float32 number .* will be truncated")
        return convert_float_to_float16(copy, keep_io_types=True, disable_shape_infer=True)


def test_a_front_end_in_half_looks_perfect_on_a_processor_and_is_refused(htsat, graph):
    half = naive_half(graph)
    noise = signals(WINDOW)["noise"][None]
    with torch.inference_mode():
        exact = htsat(torch.from_numpy(noise)).numpy()
    assert (Encoder(half.SerializeToString()).encode(noise) * exact).sum() > 0.999
    parity = compare(htsat, half.SerializeToString())
    assert parity.signals["full-scale sine"] < 0.9
    assert parity.log_mel_db["full-scale sine"] > 1000
    with pytest.raises(DatasetError, match="was not written"):
        check(parity, "fp16")


def test_emulation_rounds_every_half(graph):
    half = rounded(to_half(graph))
    halves = [node for node in half.graph.node if node.name.endswith("/half")]
    assert len(halves) > 50
    assert sizes(half, HALF) == 0


@pytest.mark.parametrize("name", ["htsat", "cnn"])
def test_halved_weights_compute_in_single(request, name):
    graph = request.getfixturevalue("graph" if name == "htsat" else "cnn_graph")
    packed = to_half_weights(graph)
    onnx.checker.check_model(packed)
    check(compare(request.getfixturevalue(name), packed.SerializeToString()), "fp16")
    assert sizes(packed, HALF) > 0.9 * weights(graph)


@pytest.mark.parametrize(("name", "method"), [("htsat", "dynamic"), ("cnn", "weights")])
def test_int8_is_the_same_encoder_and_small(request, name, method):
    graph = request.getfixturevalue("graph" if name == "htsat" else "cnn_graph")
    quantised = to_int8(graph, method)
    onnx.checker.check_model(quantised)
    check(compare(request.getfixturevalue(name), quantised.SerializeToString()), "int8")
    assert sizes(quantised, INT8) > 0.5 * weights(graph)
    assert sizes(quantised, INT8) + sizes(quantised, HALF) > 0.9 * weights(graph)


def front_weights(graph):
    front = set(frontend_nodes(graph))
    return {name for node in graph.graph.node if node.name in front for name in node.input}


@pytest.mark.parametrize("method", METHODS)
def test_int8_leaves_the_front_end_alone(cnn_graph, method):
    random = np.random.default_rng(0)
    windows = (0.1 * random.standard_normal((4, WINDOW))).astype(np.float32)
    quantised = to_int8(cnn_graph, method, windows)
    kept = front_weights(cnn_graph)
    stored = {one.name: one for one in quantised.graph.initializer}
    before = {one.name: one for one in cnn_graph.graph.initializer if one.name in kept}
    floats = {name for name, one in before.items() if one.data_type == SINGLE}
    assert floats <= set(stored)
    for name in floats:
        expected = onnx.numpy_helper.to_array(before[name])
        assert np.array_equal(onnx.numpy_helper.to_array(stored[name]), expected)


def test_static_int8_needs_recordings(cnn_graph):
    with pytest.raises(ConfigError, match="--recordings"):
        to_int8(cnn_graph, "static")


def test_a_quantised_mel_filterbank_is_noticed(htsat, graph, tmp_path):
    from onnxruntime.quantization import QuantType, quantize_dynamic

    plain = onnx.ModelProto()
    plain.CopyFrom(graph)
    del plain.graph.value_info[:]
    onnx.save(plain, tmp_path / "plain.onnx")
    quantize_dynamic(
        tmp_path / "plain.onnx",
        tmp_path / "all.onnx",
        op_types_to_quantize=["MatMul", "Gemm"],
        weight_type=QuantType.QInt8,
    )
    parity = compare(htsat, (tmp_path / "all.onnx").read_bytes())
    assert parity.log_mel_db["chirps over quiet noise"] > 1
    assert parity.problems(LIMITS["int8"])


def test_shuffled_weights_are_refused(htsat, graph):
    other = onnx.ModelProto()
    other.CopyFrom(graph)
    projection = next(i for i in other.graph.initializer if i.name.startswith("projection"))
    shuffled = np.roll(onnx.numpy_helper.to_array(projection), 1)
    projection.CopyFrom(onnx.numpy_helper.from_array(shuffled, projection.name))
    with pytest.raises(DatasetError, match="was not written"):
        check(compare(htsat, other.SerializeToString()), "fp32")


def test_recordings_have_a_limit_of_their_own(htsat, graph):
    random = np.random.default_rng(0)
    windows = (0.1 * random.standard_normal((3, WINDOW))).astype(np.float32)
    parity = compare(htsat, graph.SerializeToString(), windows)
    assert parity.recordings is not None
    assert parity.recordings[1] > 0.99999
    assert "on recordings" in replace(parity, recordings=(0.9, 0.8)).problems(LIMITS["fp32"])[0]


def test_signals_are_the_hard_ones():
    made = signals(WINDOW)
    assert not made["silence"].any()
    assert np.abs(made["full-scale sine"]).max() > 0.999
    assert made["quiet noise"].std() < 2e-4
    assert all(one.shape == (WINDOW,) and one.dtype == np.float32 for one in made.values())
