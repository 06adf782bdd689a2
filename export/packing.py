"""Weights stored small, and unpacked once when the graph is loaded: it computes in FP32.

A Cast and a Mul of constants, which every runtime folds; a DequantizeLinear would stay in the
graph and be done anew for every window.
"""

from collections.abc import Callable, Collection

import numpy as np
import onnx
from onnx import helper, numpy_helper

from edge.contract.arrays import Array, Float32s

Weights = Array
Packer = Callable[[Weights, int], tuple[Weights, Float32s | None]]
"""Weights and the axis of their outputs -> small ones, and what to multiply them with."""
_WEIGHTED = ("Conv", "Gemm", "MatMul")
_LEAST = 256
"""Smaller weights aren't worth it."""


def pack(model: onnx.ModelProto, packer: Packer, spared: Collection[str]) -> onnx.ModelProto:
    """A copy with packed weights; those of the spared nodes stay as they are."""
    packed = onnx.ModelProto()
    packed.CopyFrom(model)
    graph = packed.graph
    weighted = [
        node for node in graph.node if node.op_type in _WEIGHTED and node.name not in spared
    ]
    stored = {tensor.name: tensor for tensor in graph.initializer}
    unpacking: list[onnx.NodeProto] = []
    for node in weighted:
        weights = stored.pop(node.input[1], None)
        if weights is not None and np.prod(weights.dims) >= _LEAST:
            unpacking += _replace(graph, weights, packer, _output_axis(node))
    nodes = [*unpacking, *graph.node]
    del graph.node[:]
    graph.node.extend(nodes)
    return packed


def _replace(
    graph: onnx.GraphProto, weights: onnx.TensorProto, packer: Packer, axis: int
) -> list[onnx.NodeProto]:
    """Store small weights in place of others; the nodes that bring these back."""
    name = weights.name
    small, scale = packer(numpy_helper.to_array(weights), axis)
    graph.initializer.remove(weights)
    graph.initializer.append(numpy_helper.from_array(small, f"{name}.packed"))
    cast = f"{name}.cast" if scale is not None else name
    packed, single = f"{name}.packed", onnx.TensorProto.FLOAT
    nodes = [helper.make_node("Cast", [packed], [cast], f"{name}/unpack", to=single)]
    if scale is not None:
        graph.initializer.append(numpy_helper.from_array(scale, f"{name}.scale"))
        nodes.append(helper.make_node("Mul", [cast, f"{name}.scale"], [name], f"{name}/scale"))
    return nodes


def _output_axis(node: onnx.NodeProto) -> int:
    turned = any(attribute.name == "transB" and attribute.i for attribute in node.attribute)
    return 0 if node.op_type == "Conv" or turned else 1
