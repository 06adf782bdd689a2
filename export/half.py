"""FP16 with a front end that stays FP32.

In half arithmetic a full-scale tone makes most of the log-mel spectrogram NaN and silence makes
all of it -inf, while a CPU provider, which computes in float anyway, hides it. So everything up to
the tower keeps FP32, constants included: the log floor of 1e-10 is no half.

Half arithmetic is for GPUs. On a processor it is no faster than FP32, and slower on some: there,
weights alone can be halves, unpacked when the graph is loaded.
"""

import warnings
from collections.abc import Collection

import numpy as np
import onnx

from export.packing import pack
from export.scopes import PROJECTED, frontend_nodes

_SMALLEST_HALF = 6e-8


def to_half(model: onnx.ModelProto) -> onnx.ModelProto:
    """An FP16 copy with FP32 input, front end, last step and output.

    The graph is cut behind the front end and before the embedding is made a unit row, which a
    rounded length would spoil, and only what lies between is converted: a converter's list of
    blocked nodes would still pass every value between two of them through half.

    Raises:
        DatasetError: the graph has no front end to be found, so none could be spared.
    """
    front, tower, crossing = _cut(model)
    extractor = onnx.utils.Extractor(model)
    last = _renamed(extractor.extract_model([PROJECTED], ["embedding"]), "last.")
    merged = _joined(front, _halved(_renamed(tower, "half.")), crossing)
    return _joined(merged, last, [PROJECTED])


def to_half_weights(
    model: onnx.ModelProto, spared: Collection[str] | None = None
) -> onnx.ModelProto:
    """A copy whose weights are stored as halves; it computes in FP32.

    Args:
        model: FP32.
        spared: nodes whose weights stay; None spares the front end's.
    """
    whole = frontend_nodes(model) if spared is None else spared
    return pack(model, lambda weights, _: (weights.astype(np.float16), None), whole)


def _cut(model: onnx.ModelProto) -> tuple[onnx.ModelProto, onnx.ModelProto, list[str]]:
    """Front end, tower, and the names of the values that pass from one to the other."""
    names = set(frontend_nodes(model))
    made = {out for node in model.graph.node if node.name in names for out in node.output}
    extractor = onnx.utils.Extractor(model)
    everything = extractor.extract_model(["waveform"], [PROJECTED])
    rest = [node for node in everything.graph.node if node.name not in names]
    crossing = sorted(made.intersection(name for node in rest for name in node.input))
    front = extractor.extract_model(["waveform"], crossing)
    return front, extractor.extract_model(crossing, [PROJECTED]), crossing


def _halved(tower: onnx.ModelProto) -> onnx.ModelProto:
    from onnxruntime.transformers.float16 import convert_float_to_float16
    from onnxruntime.transformers.onnx_model import OnnxModel

    with warnings.catch_warnings():
        # Constants below the smallest half are rounded to it: epsilons, behind the front end.
        warnings.filterwarnings("ignore", "the float32 number .* will be truncated")
        half: onnx.ModelProto = convert_float_to_float16(
            tower, keep_io_types=True, min_positive_val=_SMALLEST_HALF, disable_shape_infer=True
        )
    _drop_twins(half.graph)
    OnnxModel(half).topological_sort()  # the converter appends its Casts at the end
    return half


def _joined(graph: onnx.ModelProto, other: onnx.ModelProto, names: list[str]) -> onnx.ModelProto:
    for part in (graph, other):
        del part.graph.value_info[:]  # both describe what crosses; nothing needs it to run
    merged: onnx.ModelProto = onnx.compose.merge_models(
        graph, other, io_map=[(name, name) for name in names]
    )
    return merged


def _renamed(model: onnx.ModelProto, prefix: str) -> onnx.ModelProto:
    """Parts may own copies of one constant; the names must differ."""
    renamed: onnx.ModelProto = onnx.compose.add_prefix(
        model,
        prefix,
        rename_nodes=False,
        rename_edges=False,
        rename_inputs=False,
        rename_outputs=False,
        rename_initializers=True,
        rename_value_infos=False,
        rename_functions=False,
    )
    return renamed


def _drop_twins(graph: onnx.GraphProto) -> None:
    """The converter writes one Cast twice where two nodes need it, with one name and output."""
    seen: set[str] = set()
    for node in list(graph.node):
        if set(node.output) & seen:
            graph.node.remove(node)
        seen.update(node.output)
