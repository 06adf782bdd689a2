"""The encoder as one ONNX graph: waveform in, unit embedding out."""

import ast
from typing import Any

import onnx
import torch
from onnxscript.optimizer import optimize_ir
from torch import Tensor, nn

from edge.contract.errors import DatasetError
from export.htsat import Htsat
from export.scopes import LOG_MEL, PROJECTED, name_output
from export.vit import plain_vit
from train.model.frontend import LogMel, LogMelSpec
from train.model.spectrogram_vit import SpectrogramVit
from train.model.student import Student
from train.model.towers import ClapTower

_SCOPE_KEY = "pkg.torch.onnx.name_scopes"
_SHORTEST = 1e-12
_LOOKED_UP = "frontend.folded"
"""What this part computes of constants is left to the runtime: files stay small."""
_OPSET = 20
"""The first with Gelu."""


class Deployed(nn.Module):
    """Front end and student, laid out for inference; node names show these rooms.

    Args:
        spec: of the front end.
        student: whose weights it shares.
        window_samples: length of a window.
    """

    def __init__(self, spec: LogMelSpec, student: Student, window_samples: int) -> None:
        super().__init__()
        tower = student.tower
        self.frontend = LogMel(spec, exported=True)
        self.tower: nn.Module = tower
        if isinstance(tower, ClapTower):
            self.tower = Htsat(tower.audio_encoder, spec.frames(window_samples))
        if isinstance(tower, SpectrogramVit):
            self.tower = plain_vit(tower)
        self.projection = student.projection

    def forward(self, waveform: Tensor) -> Tensor:
        """float32[batch, window_samples] -> float32[batch, dim], unit rows."""
        features: Tensor = self.projection(self.tower(self.frontend(waveform)))
        # What nn.functional.normalize does, without asking for a shape.
        unit: Tensor = features / features.norm(dim=-1, keepdim=True).clamp(min=_SHORTEST)
        return unit


def to_onnx(spec: LogMelSpec, student: Student, window_samples: int) -> onnx.ModelProto:
    """An encoder's graph with a dynamic batch.

    Args:
        spec: of the front end.
        student: in evaluation mode.
        window_samples: fixed length of the input.
    """
    return trace(Deployed(spec, student, window_samples), window_samples)


def trace(model: nn.Module, window_samples: int, opset: int = _OPSET) -> onnx.ModelProto:
    """Trace a module with the rooms of `Deployed`, and name its nodes and middle values."""
    # A batch of two: torch.export would specialise a batch of one.
    graph = traced(model, torch.zeros(2, window_samples), "waveform", opset)
    name_output(graph, "frontend", LOG_MEL)
    name_output(graph, "projection", PROJECTED)
    return graph


def traced(
    model: nn.Module, example: Tensor, name: str, opset: int = _OPSET, made: str = "embedding"
) -> onnx.ModelProto:
    """Trace a module that makes embeddings, with a dynamic batch.

    Args:
        model: float32[batch, ...] -> float32[batch, ..., dim].
        example: two inputs.
        name: of the input.
        opset: ONNX's.
        made: name of the output.
    """
    program = torch.onnx.export(
        model.eval(),
        (example,),
        input_names=[name],
        output_names=[made],
        dynamic_shapes=({0: torch.export.Dim("batch")},),
        opset_version=opset,
        dynamo=True,
        external_data=False,
        verbose=False,
        optimize=False,
    )
    if program is None:
        raise DatasetError("torch.onnx.export returned no program")
    optimize_ir(program.model, should_fold=_should_fold)
    graph = program.model_proto
    _tidy(graph)
    onnx.checker.check_model(graph)
    return graph


def _should_fold(node: Any) -> bool | None:
    """Decide if the exporter computes a constant; None leaves it to its own limits."""
    return False if _LOOKED_UP in node.metadata_props.get(_SCOPE_KEY, "") else None


def _tidy(model: onnx.ModelProto) -> None:
    """Name nodes by their module, and drop torch's notes, among them paths of this machine."""
    for number, node in enumerate(model.graph.node):
        node.name = f"{_module(node)}/{node.op_type}_{number}"
    graph = model.graph
    noted = (*graph.node, *graph.initializer, *graph.value_info, *graph.input, *graph.output)
    for holder in (*noted, graph, model):
        del holder.metadata_props[:]


def _module(node: onnx.NodeProto) -> str:
    """The deepest module that an operation came from, such as `tower.blocks.3.widen`."""
    noted = next((entry.value for entry in node.metadata_props if entry.key == _SCOPE_KEY), "[]")
    modules: list[str] = ast.literal_eval(noted)[:-1]
    return next((module for module in reversed(modules) if module), "")
