"""Emulation of half arithmetic: an FP16 graph as a GPU runs it, on a processor.

A processor's provider computes halves in float, so a graph that overflows on a GPU looks perfect.
Here every value that a graph keeps as a half is rounded to one, after every operation.
"""

import onnx
from onnx import TensorProto, helper, numpy_helper

_RAW = ".raw"


def rounded(model: onnx.ModelProto) -> onnx.ModelProto:
    """An FP32 graph that rounds to half wherever the given one holds halves.

    To be run without optimisation: a pair of casts there and back looks superfluous.
    """
    typed = onnx.shape_inference.infer_shapes(model, data_prop=True)
    halves = {
        value.name
        for value in (*typed.graph.value_info, *typed.graph.output)
        if value.type.tensor_type.elem_type == TensorProto.FLOAT16
    }
    emulated = onnx.ModelProto()
    emulated.CopyFrom(model)
    del emulated.graph.value_info[:]
    for tensor in emulated.graph.initializer:
        _widen(tensor)
    for output in emulated.graph.output:
        output.type.tensor_type.elem_type = TensorProto.FLOAT
    nodes = [step for node in model.graph.node for step in _steps(node, halves)]
    del emulated.graph.node[:]
    emulated.graph.node.extend(nodes)
    return emulated


def _steps(node: onnx.NodeProto, halves: set[str]) -> list[onnx.NodeProto]:
    """A node, and the rounding of its outputs."""
    done = onnx.NodeProto()
    done.CopyFrom(node)
    for attribute in done.attribute:
        if attribute.name == "value":
            _widen(attribute.t)
        if attribute.name == "to" and attribute.i == TensorProto.FLOAT16:
            attribute.i = TensorProto.FLOAT
    done.output[:] = [name + _RAW if name in halves else name for name in node.output]
    rounding = [_round(name) for name in node.output if name in halves]
    return [done, *(step for pair in rounding for step in pair)]


def _round(name: str) -> list[onnx.NodeProto]:
    there, back = f"{name}/half", f"{name}/single"
    return [
        helper.make_node("Cast", [name + _RAW], [there], there, to=TensorProto.FLOAT16),
        helper.make_node("Cast", [there], [name], back, to=TensorProto.FLOAT),
    ]


def _widen(tensor: TensorProto) -> None:
    """Halves as floats of the same value."""
    if tensor.data_type == TensorProto.FLOAT16:
        values = numpy_helper.to_array(tensor).astype("float32")
        tensor.CopyFrom(numpy_helper.from_array(values, tensor.name))
