"""Parts of an encoder's graph, told by the names of its nodes: front end, tower, projection."""

import re

import onnx

from edge.contract.errors import DatasetError

FRONTEND = "frontend"
LOG_MEL = "log_mel"
"""The front end's output within the graph: float32[batch, 1, frames, mel_bins] in dB."""
PROJECTED = "projected"
"""What the embedding is made of in FP32, whatever the precision: float32[batch, dim]."""


def frontend_nodes(model: onnx.ModelProto) -> list[str]:
    """Names of the nodes up to the tower's first Conv.

    What brings decibels near to 1 lies before it, in HTSAT as in a CNN.

    Raises:
        DatasetError: there is none, or no node of the front end's scope.
    """
    nodes = list(model.graph.node)
    after = range(_scoped(model, FRONTEND)[-1] + 1, len(nodes))
    end = next((n for n in after if nodes[n].op_type == "Conv"), None)
    if end is None:
        raise DatasetError("the graph has no Conv behind its front end; export it again")
    return [node.name for node in nodes[:end]]


def log_mel_of(model: onnx.ModelProto) -> onnx.ModelProto:
    """The front end alone, as it stands in a graph: waveform in, log-mel out."""
    typed = onnx.shape_inference.infer_shapes(model)  # whoever quantises drops the types
    part: onnx.ModelProto = onnx.utils.Extractor(typed).extract_model(["waveform"], [LOG_MEL])
    return part


def name_output(model: onnx.ModelProto, room: str, new: str) -> None:
    """Give the last value of a part another name."""
    old = model.graph.node[_scoped(model, room)[-1]].output[0]
    for node in model.graph.node:
        for names in (node.input, node.output):
            names[:] = [new if name == old else name for name in names]
    for value in model.graph.value_info:
        value.name = new if value.name == old else value.name


def _scoped(model: onnx.ModelProto, room: str) -> list[int]:
    """Places of a room's nodes."""
    found = [n for n, node in enumerate(model.graph.node) if re.match(rf"{room}[./]", node.name)]
    if not found:
        raise DatasetError(f"the graph has no nodes named {room}; export it again")
    return found
