"""Tail of an ear: logits to an embedding, as probabilities times anchors at unit length.

ConSE's convex combination of names (Norouzi et al. 2014, arXiv 1312.5650), with a constant weight
on a direction of its own for "none of them": without it a window of noise would be the species
that it resembles least badly.
"""

import io
from collections.abc import Sequence
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from edge.contract.arrays import Array, Float64s, Floats
from edge.contract.errors import DatasetError
from export.ear.names import Names
from export.scopes import FRONTEND, PROJECTED

_SHORTEST = 1e-12
_HUGE = 700
"""Logit whose exponential a float64 still holds."""


def embed(logits: Floats, names: Names, activation: str, none: float) -> Float64s:
    """The embedding as the graph computes it: [batch, labels] -> float64[batch, dim]."""
    wide = logits.astype(np.float64)
    probability = wide
    if activation == "sigmoid":
        probability = 1 / (1 + np.exp(-np.clip(wide, -_HUGE, _HUGE)))
    elif activation == "softmax":
        weights = np.exp(wide - wide.max(axis=1, keepdims=True))
        probability = weights / weights.sum(axis=1, keepdims=True)
    mean = probability @ names.directions.astype(np.float64) + none * names.none
    return np.asarray(mean / np.linalg.norm(mean, axis=1, keepdims=True))


def add_tail(model: onnx.ModelProto, names: Names, activation: str, none: float) -> onnx.ModelProto:
    """An encoder's graph from a classifier's.

    Args:
        model: input waveform[batch, samples], one output of [batch, labels].
        names: what the labels stand for.
        activation: `sigmoid`, `softmax` or `none`.
        none: weight of the direction of no species.
    """
    encoder = onnx.ModelProto()
    encoder.CopyFrom(model)
    graph = encoder.graph
    _rename(graph, graph.output[0].name, PROJECTED)
    _name_rooms(graph)
    held: dict[str, Array] = {
        "anchors": names.directions.astype(np.float16),  # as exact as the anchors themselves
        "none": np.asarray(none * names.none, np.float32)[None],
        "shortest": np.array(_SHORTEST, np.float32),
        "axis": np.array([-1], np.int64),
    }
    graph.initializer.extend(
        numpy_helper.from_array(tensor, f"tail.{k}") for k, tensor in held.items()
    )
    graph.node.extend(_nodes(activation))
    del graph.output[:], graph.value_info[:]
    shape = ["batch", names.directions.shape[1]]
    graph.output.append(helper.make_tensor_value_info("embedding", TensorProto.FLOAT, shape))
    onnx.checker.check_model(encoder)
    return encoder


def _nodes(activation: str) -> list[onnx.NodeProto]:
    def node(kind: str, inputs: Sequence[str], output: str, **attributes: Any) -> onnx.NodeProto:
        return helper.make_node(kind, inputs, [output], f"tail/{output}", **attributes)

    kinds = {"sigmoid": ("Sigmoid", {}), "softmax": ("Softmax", {"axis": -1})}
    kind, attributes = kinds.get(activation, ("Identity", {}))
    return [
        node(kind, [PROJECTED], "probability", **attributes),
        node("Cast", ["tail.anchors"], "anchors", to=TensorProto.FLOAT),
        node("MatMul", ["probability", "anchors"], "weighted"),
        node("Add", ["weighted", "tail.none"], "mean"),
        node("ReduceL2", ["mean", "tail.axis"], "norm", keepdims=1),
        node("Max", ["norm", "tail.shortest"], "length"),
        node("Div", ["mean", "length"], "embedding"),
    ]


def _rename(graph: onnx.GraphProto, old: str, new: str) -> None:
    for node in graph.node:
        for ends in (node.input, node.output):
            ends[:] = [new if name == old else name for name in ends]


def _name_rooms(graph: onnx.GraphProto) -> None:
    """Name what lies before the first convolution in two dimensions the front end's."""
    wide = {tensor.name for tensor in graph.initializer if len(tensor.dims) == 4}
    first = next(
        (n for n, node in enumerate(graph.node)
         if node.op_type == "Conv" and node.input[1] in wide), 0
    )  # fmt: skip
    start = helper.make_node("Identity", ["waveform"], ["waveform.start"], f"{FRONTEND}/start")
    for n, node in enumerate(graph.node):
        room = FRONTEND if n < first else "tower"
        node.name = f"{room}/{node.op_type}_{n}"
        node.input[:] = ["waveform.start" if name == "waveform" else name for name in node.input]
    graph.node.insert(0, start)


def to_bytes(model: onnx.ModelProto) -> bytes:
    """The file of a graph."""
    file = io.BytesIO()
    onnx.save_model(model, file)
    return file.getvalue()


def read_graph(content: bytes, path: str, output: str = "") -> onnx.ModelProto:
    """A classifier that is ONNX already, its input and batch named as an encoder's.

    Args:
        content: the file.
        path: what errors call it.
        output: name of the logits; empty takes the first output.

    Raises:
        DatasetError: not ONNX, with weights outside the file, or not one waveform in and one row
            of numbers a label out.
    """
    try:
        model = onnx.load_from_string(content)
        onnx.checker.check_model(model)
    except Exception as error:  # protobuf's and the checker's errors share no base
        reason = str(error).splitlines()[0][:120] if str(error) else type(error).__name__
        raise DatasetError(
            f"{path}: not a whole ONNX file ({reason}); download it again"
        ) from error
    graph = model.graph
    stored = {tensor.name for tensor in graph.initializer}
    inputs = [value for value in graph.input if value.name not in stored]
    dims = list(inputs[0].type.tensor_type.shape.dim) if len(inputs) == 1 else []
    if len(dims) != 2 or inputs[0].type.tensor_type.elem_type != TensorProto.FLOAT:
        found = [
            f"{value.name}: {len(value.type.tensor_type.shape.dim)} dimensions" for value in inputs
        ]
        raise DatasetError(f"{path}: inputs {found}, expected one float32[batch, samples]")
    if dims[0].HasField("dim_value"):
        raise DatasetError(
            f"{path}: its batch is fixed to {dims[0].dim_value}; export it with a dynamic one"
        )
    _keep_output(graph, output or graph.output[0].name, path)
    _rename(graph, inputs[0].name, "waveform")
    inputs[0].name = "waveform"
    dims[0].dim_param = "batch"
    return model


def _keep_output(graph: onnx.GraphProto, name: str, path: str) -> None:
    held = {value.name: value for value in graph.output}
    if name not in held:
        raise DatasetError(f"{path}: has no output {name!r}; it has {', '.join(held)}")
    kept = onnx.ValueInfoProto()
    kept.CopyFrom(held[name])
    del graph.output[:]
    graph.output.append(kept)
