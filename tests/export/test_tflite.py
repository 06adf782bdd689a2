"""TFLite to ONNX: every operator gives TensorFlow Lite's own numbers, whatever the batch."""

from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest

onnx = pytest.importorskip("onnx")
pytest.importorskip("tflite")
pytest.importorskip("ai_edge_litert")

from edge.contract.errors import DatasetError  # noqa: E402
from edge.recognition.runtime import RuntimeOptions, open_session  # noqa: E402
from export.tflite.converter import OPERATORS, convert  # noqa: E402
from export.tflite.reader import read_network  # noqa: E402
from tests.support.tflite_networks import Network, classifier, run  # noqa: E402

RANDOM = np.random.default_rng(7)
PICTURE = (1, 6, 5, 4)


def integers(*values):
    return np.array(values, np.int32)


def floats(*shape):
    return RANDOM.normal(0, 1, shape).astype(np.float32)


def one(kind, shape=PICTURE, *others, dtype=np.float32, output=None, **options):
    """A network of one operator: the fed value, then constants."""

    def build(path):
        net = Network()
        fed = net.tensor(shape)
        rest = [net.constant(other) for other in others]
        made = net.tensor(output or shape, dtype)
        net.add(kind, [fed, *rest], [made], **options)
        return net.write(path, [fed], [made])

    return build


def conv(kind, weights, padding=0, stride=(1, 1), dilation=(1, 1), activation=0, **more):
    table = "Conv2DOptions" if kind == "CONV_2D" else "DepthwiseConv2DOptions"
    options = dict(
        table=table, padding=padding, strideH=stride[0], strideW=stride[1],
        dilationHFactor=dilation[0], dilationWFactor=dilation[1],
        fusedActivationFunction=activation, **more,
    )  # fmt: skip
    bias = floats(weights.shape[0] if kind == "CONV_2D" else weights.shape[3])
    return one(kind, PICTURE, weights, bias, **options)


def pool(kind, padding, size=(3, 2), stride=(2, 1)):
    return one(
        kind, table="Pool2DOptions", padding=padding, filterHeight=size[0], filterWidth=size[1],
        strideH=stride[0], strideW=stride[1],
    )  # fmt: skip


def spectrum(after, frame=64, fft=64, **options):
    """Windowed frames of a signal as tf.signal makes them, their transform, and a real number."""

    def build(path):
        net = Network()
        wave = net.tensor((1, 256))
        pieces = net.tensor((1, 32, 8))
        net.add("RESHAPE", [wave, net.constant(integers(-1, 32, 8))], [pieces])
        rows = 2 * np.arange(13)[:, None] + np.arange(frame // 8)
        gathered = net.tensor((1, 13, frame // 8, 8))
        net.add("GATHER", [pieces, net.constant(rows.astype(np.int32))], [gathered],
                table="GatherOptions", axis=1)  # fmt: skip
        frames = net.tensor((1, 13, frame))
        net.add("RESHAPE", [gathered, net.constant(integers(-1, 13, frame))], [frames])
        windowed = net.tensor((1, 13, frame))
        window = net.constant(np.hanning(frame).astype(np.float32))
        net.add("MUL", [frames, window], [windowed], table="MulOptions")
        line = net.tensor((1, 13, 1, frame))
        net.add("EXPAND_DIMS", [windowed, net.constant(integers(2))], [line])
        made = net.tensor((1, 13, 1, fft // 2 + 1), np.complex64)
        net.add("RFFT2D", [line, net.constant(integers(1, fft))], [made], table="Rfft2dOptions")
        real = net.tensor((1, 13, 1, fft // 2 + 1))
        net.add(after, [made], [real], **options)
        return net.write(path, [wave], [real])

    return build


def shaped(path):
    """A shape that is counted from the batch, as Keras writes squeeze-and-excitation."""
    net = Network()
    fed = net.tensor(PICTURE)
    shape = net.tensor((4,), np.int32)
    net.add("SHAPE", [fed], [shape], table="ShapeOptions", outType=2)
    batch = net.tensor((), np.int32)
    net.add("STRIDED_SLICE", [shape, *(net.constant(integers(n)) for n in (0, 1, 1))], [batch],
            table="StridedSliceOptions", shrinkAxisMask=1)  # fmt: skip
    packed = net.tensor((2,), np.int32)
    net.add("PACK", [batch, net.constant(np.array(120, np.int32))], [packed],
            table="PackOptions", valuesCount=2)  # fmt: skip
    flat = net.tensor((1, 120))
    net.add("RESHAPE", [fed, packed], [flat])
    return net.write(path, [fed], [flat])


def of_two(kind, table=None, **options):
    """The fed value, and its square root's neighbour: two computed values."""

    def build(path):
        net = Network()
        fed, other, made = net.tensor(PICTURE), net.tensor(PICTURE), net.tensor(PICTURE)
        net.add("ABS", [fed], [other], table="AbsOptions")
        net.add(kind, [fed, other], [made], table=table, **options)
        return net.write(path, [fed], [made])

    return build


def parts(kind, sizes):
    def build(path):
        net = Network()
        fed = net.tensor(PICTURE)
        made = [net.tensor((1, 6, 5, size if size > 0 else 3)) for size in sizes]
        axis = net.constant(np.array(3, np.int32))
        if kind == "SPLIT":
            net.add(kind, [axis, fed], made, table="SplitOptions", numSplits=len(sizes))
        else:
            net.add(kind, [fed, net.constant(integers(*sizes)), axis], made,
                    table="SplitVOptions", numSplits=len(sizes))  # fmt: skip
        return net.write(path, [fed], [made[-1]])

    return build


def from_constants(kind, *constants, dtype=np.int32, **options):
    """What an operator makes of constants, added to the fed value."""

    def build(path):
        net = Network()
        fed, made = net.tensor((1, 3)), net.tensor((3,), dtype)
        net.add(kind, [net.constant(value) for value in constants], [made], **options)
        as_float, added = net.tensor((3,)), net.tensor((1, 3))
        net.add("CAST", [made], [as_float], table="CastOptions")
        net.add("ADD", [fed, as_float], [added], table="AddOptions")
        return net.write(path, [fed], [added])

    return build


def quantised(path):
    """Eight-bit weights and activations."""
    net = Network()
    fed = net.tensor((1, 6))
    small = net.tensor((1, 6), np.int8, (0.05, 3))
    net.add("QUANTIZE", [fed], [small], table="QuantizeOptions")
    weights = net.constant(RANDOM.integers(-127, 128, (5, 6)).astype(np.int8), (0.01, 0))
    bias = net.constant(RANDOM.integers(-500, 500, 5).astype(np.int32), (0.0005, 0))
    made = net.tensor((1, 5), np.int8, (0.04, -2))
    net.add("FULLY_CONNECTED", [small, weights, bias], [made], table="FullyConnectedOptions",
            version=4)  # fmt: skip
    real = net.tensor((1, 5))
    net.add("DEQUANTIZE", [made], [real], table="DequantizeOptions")
    return net.write(path, [fed], [real])


def half_weights(path):
    net = Network()
    fed, made, wide = net.tensor((1, 6)), net.tensor((1, 5)), net.tensor((5, 6))
    net.add("DEQUANTIZE", [net.constant(floats(5, 6).astype(np.float16))], [wide],
            table="DequantizeOptions")  # fmt: skip
    net.add("FULLY_CONNECTED", [fed, wide, -1], [made], table="FullyConnectedOptions")
    return net.write(path, [fed], [made])


def reduction(kind, axes=(1, 2), keep=False):
    return one(kind, PICTURE, integers(*axes), table="ReducerOptions", keepDims=keep)


POSITIVE = {"LOG", "SQRT", "RSQRT", "POW"}
CASES = {
    **{
        f"{kind}": one(kind, table=table)
        for kind, table in [
            ("ABS", "AbsOptions"), ("EXP", "ExpOptions"), ("NEG", "NegOptions"),
            ("HARD_SWISH", "HardSwishOptions"), ("SQUARE", "SquareOptions"),
            ("ELU", None), ("FLOOR", None), ("LOG", None), ("LOGISTIC", None), ("RELU", None),
            ("RELU6", None), ("RELU_N1_TO_1", None), ("RSQRT", None), ("SQRT", None),
            ("TANH", None),
        ]
    },
    "LEAKY_RELU": one("LEAKY_RELU", table="LeakyReluOptions", alpha=0.3),
    "SOFTMAX": one("SOFTMAX", (1, 9), table="SoftmaxOptions", beta=1.0),
    "SOFTMAX, sharper": one("SOFTMAX", (1, 9), table="SoftmaxOptions", beta=2.5),
    **{
        kind: of_two(kind, table)
        for kind, table in [
            ("ADD", "AddOptions"), ("SUB", "SubOptions"), ("MUL", "MulOptions"),
            ("DIV", "DivOptions"), ("MAXIMUM", "MaximumMinimumOptions"),
            ("MINIMUM", "MaximumMinimumOptions"), ("FLOOR_DIV", "FloorDivOptions"),
            ("SQUARED_DIFFERENCE", "SquaredDifferenceOptions"),
        ]
    },
    "ADD, each fused": of_two("ADD", "AddOptions", fusedActivationFunction=3),
    "SUB, clipped": of_two("SUB", "SubOptions", fusedActivationFunction=2),
    "MUL by channel": one("MUL", PICTURE, floats(4), table="MulOptions"),
    "ADD of a number": one("ADD", PICTURE, np.array(0.5, np.float32), table="AddOptions"),
    "POW": one("POW", PICTURE, np.array(0.7, np.float32), table="PowOptions"),
    "CONV_2D": conv("CONV_2D", floats(3, 3, 2, 4)),
    "CONV_2D, valid": conv("CONV_2D", floats(3, 3, 2, 4), 1, activation=1),
    "CONV_2D, strides": conv("CONV_2D", floats(3, 3, 3, 4), 0, (2, 3), activation=3),
    "CONV_2D, dilated": conv("CONV_2D", floats(3, 2, 2, 4), 0, dilation=(2, 1)),
    "DEPTHWISE_CONV_2D": conv("DEPTHWISE_CONV_2D", floats(1, 3, 3, 4), depthMultiplier=1),
    "DEPTHWISE_CONV_2D, two each": conv("DEPTHWISE_CONV_2D", floats(1, 2, 3, 8), 1, (2, 2),
                                        depthMultiplier=2),
    "AVERAGE_POOL_2D": pool("AVERAGE_POOL_2D", 0),
    "AVERAGE_POOL_2D, valid": pool("AVERAGE_POOL_2D", 1),
    "MAX_POOL_2D": pool("MAX_POOL_2D", 0),
    "FULLY_CONNECTED": one("FULLY_CONNECTED", (1, 6), floats(5, 6), floats(5), output=(1, 5),
                           table="FullyConnectedOptions", fusedActivationFunction=1),
    "FULLY_CONNECTED, rows kept": one(
        "FULLY_CONNECTED", (1, 3, 6), floats(5, 6), floats(5), output=(1, 3, 5),
        table="FullyConnectedOptions", keepNumDims=True, version=5),
    "MEAN": reduction("MEAN"),
    "MEAN, kept": reduction("MEAN", keep=True),
    "MEAN of channels": reduction("MEAN", (-1,)),
    "SUM": reduction("SUM", (1,)),
    "REDUCE_MAX": reduction("REDUCE_MAX", (3,), True),
    "REDUCE_MIN": reduction("REDUCE_MIN", (1, 2), True),
    "REDUCE_PROD": reduction("REDUCE_PROD", (2,)),
    "RESHAPE": one("RESHAPE", PICTURE, integers(-1, 30, 4), output=(1, 30, 4)),
    "SHAPE": shaped, "PACK": shaped, "STRIDED_SLICE": shaped,
    "STRIDED_SLICE, backwards": one(
        "STRIDED_SLICE", PICTURE, integers(0, 4, 0, 0), integers(1, 0, 5, 3),
        integers(1, -2, 1, 2), table="StridedSliceOptions", beginMask=1, endMask=1),
    "SLICE": one("SLICE", PICTURE, integers(0, 1, 0, 2), integers(-1, 3, -1, 2),
                 output=(1, 3, 5, 2), table="SliceOptions"),
    "SQUEEZE": one("SQUEEZE", (1, 6, 1, 4), output=(1, 6, 4), table="SqueezeOptions",
                   squeezeDims=[2]),
    "EXPAND_DIMS": one("EXPAND_DIMS", (1, 6), integers(-1), output=(1, 6, 1)),
    "TRANSPOSE": one("TRANSPOSE", PICTURE, integers(0, 3, 1, 2), table="TransposeOptions"),
    "CONCATENATION": of_two("CONCATENATION", "ConcatenationOptions", axis=3),
    "CONCATENATION of rows": of_two("CONCATENATION", "ConcatenationOptions", axis=-3),
    "SPLIT": parts("SPLIT", (2, 2)), "SPLIT_V": parts("SPLIT_V", (1, -1)),
    "GATHER": one("GATHER", PICTURE, integers(3, 0, 0), table="GatherOptions", axis=3),
    "PAD": one("PAD", PICTURE, np.array([[0, 0], [1, 2], [0, 1], [0, 0]], np.int32),
               table="PadOptions"),
    "PADV2": one("PADV2", PICTURE, np.array([[0, 0], [1, 2], [0, 1], [0, 0]], np.int32),
                 np.array(-3, np.float32), table="PadV2Options"),
    "MIRROR_PAD": one("MIRROR_PAD", (1, 6, 5), np.array([[0, 0], [2, 1], [0, 0]], np.int32),
                      table="MirrorPadOptions", mode=0),
    "REVERSE_V2": one("REVERSE_V2", PICTURE, integers(2), table="ReverseV2Options"),
    "TILE": one("TILE", PICTURE, integers(1, 2, 1, 3), table="TileOptions"),
    "BROADCAST_TO": one("BROADCAST_TO", (1, 1, 5), integers(1, 4, 5), table="BroadcastToOptions",
                        version=2),
    "FILL": from_constants("FILL", integers(3), np.array(7, np.int32), table="FillOptions"),
    "RANGE": from_constants("RANGE", *(np.array(n, np.int32) for n in (1, 7, 2)),
                            table="RangeOptions"),
    "CAST": from_constants("RANGE", *(np.array(n, np.int32) for n in (9, 0, -3)),
                           table="RangeOptions"),
    "RFFT2D": spectrum("CAST", table="CastOptions", inDataType=8, outDataType=0),
    "RFFT2D, padded": spectrum("REAL", fft=128),
    "REAL": spectrum("REAL"), "IMAG": spectrum("IMAG"), "COMPLEX_ABS": spectrum("COMPLEX_ABS"),
    "QUANTIZE": quantised, "DEQUANTIZE": half_weights,
}  # fmt: skip


def converted(path: Path, fed):
    graph = convert(path).SerializeToString()
    return open_session(graph, RuntimeOptions("cpu")).run(None, {"waveform": fed})[0]


@pytest.mark.parametrize("case", CASES)
def test_an_operator_gives_the_numbers_of_tensorflow_lite(case, tmp_path):
    path = CASES[case](tmp_path / "network.tflite")
    network = read_network(path)
    shape = network.tensors[network.inputs[0]].shape
    fed = RANDOM.normal(0, 2, shape).astype(np.float32)
    fed = np.abs(fed) + 0.1 if case.split(",")[0] in POSITIVE else fed
    expected, found = run(path, fed), converted(path, fed)
    assert found.shape == expected.shape
    # A quantised network rounds on its way, where we round at the end: one step at most.
    atol = 0.041 if case == "QUANTIZE" else 1e-4 * max(np.abs(expected).max(), 1)
    assert np.allclose(found, expected, rtol=1e-4, atol=atol)


BATCHED = set(CASES) - {"CONCATENATION of rows", "BROADCAST_TO"}


@pytest.mark.parametrize("case", sorted(BATCHED))
def test_a_batch_is_as_good_as_one_by_one(case, tmp_path):
    path = CASES[case](tmp_path / "network.tflite")
    network = read_network(path)
    shape = network.tensors[network.inputs[0]].shape
    fed = np.abs(RANDOM.normal(0, 2, (3, *shape[1:]))).astype(np.float32) + 0.1
    together = converted(path, fed)
    alone = np.concatenate([converted(path, fed[n : n + 1]) for n in range(3)])
    assert np.allclose(together, alone, rtol=1e-5, atol=1e-5 * max(np.abs(alone).max(), 1))


def test_every_operator_that_is_known_has_been_compared():
    assert set(OPERATORS) <= {case.split(",")[0].split(" ")[0] for case in CASES}


def test_a_whole_classifier_is_converted_with_a_dynamic_batch(tmp_path):
    path = classifier(tmp_path / "small.tflite")
    fed = RANDOM.normal(0, 0.1, (3, 4800)).astype(np.float32)
    expected = np.concatenate([run(path, row[None]) for row in fed])
    assert np.allclose(converted(path, fed), expected, rtol=1e-4, atol=1e-3)


def test_a_spectrum_and_the_filters_behind_it_become_one_product(tmp_path):
    graph = convert(classifier(tmp_path / "small.tflite")).graph
    kinds = [node.op_type for node in graph.node]
    assert kinds.count("MatMul") == 1  # the classifier's own
    assert "Gather" not in kinds


def test_an_inner_tensor_can_be_the_output(tmp_path):
    graph = convert(classifier(tmp_path / "small.tflite"), "pooled")
    assert graph.graph.output[0].type.tensor_type.shape.dim[1].dim_value == 6
    with pytest.raises(DatasetError, match="'nowhere'"):
        convert(tmp_path / "small.tflite", "nowhere")


def refused(path, match):
    with pytest.raises(DatasetError, match=match) as caught:
        convert(path)
    assert str(path) in str(caught.value)
    assert len(str(caught.value).splitlines()) == 1


def test_an_unknown_operator_is_named(tmp_path):
    path = one("CUMSUM", (1, 6), integers(1), table="CumsumOptions")(tmp_path / "n.tflite")
    refused(path, "operator 0, CUMSUM: .*not known")


@pytest.mark.parametrize(
    ("build", "match"),
    [
        (one("MIRROR_PAD", (1, 6), np.zeros((2, 2), np.int32), table="MirrorPadOptions", mode=1),
         "REFLECT"),
        (one("STRIDED_SLICE", (1, 6), integers(0), integers(1), integers(1),
             table="StridedSliceOptions", newAxisMask=1), "new axes"),
        (conv("CONV_2D", floats(3, 3, 3, 5)), "channels"),
        (one("ADD", (1, 6), floats(5), table="AddOptions"), "do not fit"),
        (spectrum("CAST", fft=32, table="CastOptions", outDataType=0), "64, transformed 32"),
        (one("ABS", (1, 6), table="AbsOptions", dtype=np.float32), None),
    ],
)  # fmt: skip
def test_what_an_operator_cannot_do_here_is_said(build, match, tmp_path):
    path = build(tmp_path / "network.tflite")
    if match is None:
        assert convert(path).graph.node
    else:
        refused(path, match)


@pytest.mark.parametrize("share", [0.1, 0.3, 0.6, 0.9, 0.99])
def test_a_file_that_is_cut_short_is_refused(tmp_path, share):
    path = classifier(tmp_path / "whole.tflite")
    content = path.read_bytes()
    path.write_bytes(content[: int(share * len(content))])
    refused(path, "damaged|cut short|expected|not known|fit")


def test_random_damage_ends_in_one_line(tmp_path):
    content = classifier(tmp_path / "whole.tflite").read_bytes()
    for _ in range(200):
        damaged = bytearray(content)
        for place in RANDOM.integers(8, len(content), 3):
            damaged[place] = RANDOM.integers(256)
        path = tmp_path / "damaged.tflite"
        path.write_bytes(damaged)
        with suppress(DatasetError):
            convert(path)


@pytest.mark.parametrize("content", [b"", b"TFL3", b"\0" * 100, b"not a network at all, but text"])
def test_what_is_no_tflite_file_is_refused(tmp_path, content):
    path = tmp_path / "other.tflite"
    path.write_bytes(content)
    refused(path, "not a TFLite file")


def test_a_missing_file_is_refused(tmp_path):
    refused(tmp_path / "nowhere.tflite", "not readable")
