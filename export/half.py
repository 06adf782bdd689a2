"""FP16 with a front end that stays FP32.

In half arithmetic a full-scale tone makes most of the log-mel spectrogram NaN and silence makes
all of it -inf, while a CPU provider, which computes in float anyway, hides it. So everything up to
the tower keeps FP32, constants included: the log floor of 1e-10 is no half.
"""

import warnings

import onnx

from edge.contract.errors import DatasetError

_SCOPE_KEY = "pkg.torch.onnx.name_scopes"
_SMALLEST_HALF = 6e-8


def to_half(model: onnx.ModelProto) -> onnx.ModelProto:
    """An FP16 copy with FP32 input, output and front end.

    The graph is cut behind the front end and only the rest is converted: a converter's list of
    blocked nodes would still pass every value between two of them through half.

    Raises:
        DatasetError: the graph has no front end to be found, so none could be spared.
    """
    from onnxruntime.transformers.float16 import convert_float_to_float16
    from onnxruntime.transformers.onnx_model import OnnxModel

    front, rest, crossing = _cut(model)
    with warnings.catch_warnings():
        # Constants below the smallest half are rounded to it: epsilons, behind the front end.
        warnings.filterwarnings("ignore", "the float32 number .* will be truncated")
        half: onnx.ModelProto = convert_float_to_float16(
            rest, keep_io_types=True, min_positive_val=_SMALLEST_HALF, disable_shape_infer=True
        )
    _drop_twins(half.graph)
    OnnxModel(half).topological_sort()  # the converter appends its Casts at the end
    for part in (front, half):
        del part.graph.value_info[:]  # both describe what crosses; nothing needs it to run
    merged: onnx.ModelProto = onnx.compose.merge_models(
        front, half, io_map=[(name, name) for name in crossing]
    )
    return merged


def _cut(model: onnx.ModelProto) -> tuple[onnx.ModelProto, onnx.ModelProto, list[str]]:
    """Front end, rest, and the names of the values that pass from one to the other."""
    names = set(frontend_nodes(model))
    made = {out for node in model.graph.node if node.name in names for out in node.output}
    rest_inputs = [
        name for node in model.graph.node if node.name not in names for name in node.input
    ]
    crossing = sorted(made.intersection(rest_inputs))
    extractor = onnx.utils.Extractor(model)
    front = extractor.extract_model(["waveform"], crossing)
    rest = extractor.extract_model(crossing, ["embedding"])
    return front, _rename_initializers(rest), crossing


def _rename_initializers(model: onnx.ModelProto) -> onnx.ModelProto:
    """Both halves may own a copy of one constant; the names must differ."""
    renamed: onnx.ModelProto = onnx.compose.add_prefix(
        model,
        "half.",
        rename_nodes=False,
        rename_edges=False,
        rename_inputs=False,
        rename_outputs=False,
        rename_initializers=True,
        rename_value_infos=False,
        rename_functions=False,
    )
    return renamed


def frontend_nodes(model: onnx.ModelProto) -> list[str]:
    """Names of the nodes up to the tower: HTSAT's first BatchNormalization, or a CNN's first Conv.

    HTSAT's belongs to the front end, for it brings decibels near to 1; the Conv does not.

    Raises:
        DatasetError: there is neither, or no node of the front end's scope.
    """
    nodes = list(model.graph.node)
    scoped = [n for n, one in enumerate(nodes) if "frontend" in _scope(one)]
    after = range(scoped[-1] + 1, len(nodes)) if scoped else range(0)
    end = next((n for n in after if nodes[n].op_type in ("BatchNormalization", "Conv")), None)
    if end is None:
        raise DatasetError("fp16: the graph has no front end in scope; export it again")
    return [one.name for one in nodes[: end + (nodes[end].op_type != "Conv")]]


def _drop_twins(graph: onnx.GraphProto) -> None:
    """The converter writes one Cast twice where two nodes need it, with one name and output."""
    seen: set[str] = set()
    for node in list(graph.node):
        if set(node.output) & seen:
            graph.node.remove(node)
        seen.update(node.output)


def _scope(node: onnx.NodeProto) -> str:
    return next((one.value for one in node.metadata_props if one.key == _SCOPE_KEY), "")
