"""A student's inheritance from a ready network: its kernels, and what they make of sounds."""

from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

import numpy as np
import onnx
import torch
from onnx import TensorProto, helper, numpy_helper
from torch import Tensor, nn
from tqdm import tqdm

from edge.contract.arrays import Array, Float32s
from edge.contract.errors import DatasetError
from edge.recognition.runtime import RuntimeOptions, open_session
from export.ear.pruning import bias_of
from export.tflite.converter import INPUT
from train.model.frontend import LogMel, LogMelSpec
from train.model.inherited import INHERITED, BlockSize, InheritedTower, InvertedResidual


class View(NamedTuple):
    """A spectrogram of the network's."""

    fft_samples: int
    hop_samples: int


class Layout(NamedTuple):
    """Layout of a network, and the front end that stands in for its spectrograms."""

    spec: LogMelSpec
    """A frame lasts as long as two of the network's."""
    views: tuple[View, View]
    bins: int
    """Of a view."""
    stem: int
    blocks: tuple[BlockSize, ...]
    hidden: int

    def config(self, blocks: Iterable[BlockSize]) -> dict[str, Any]:
        """An `InheritedTower`'s, whose blocks may be narrower."""
        return {
            "model_type": INHERITED,
            "mel_bins": self.spec.mel_bins,
            "bins": self.bins,
            "stem": self.stem,
            "blocks": [list(block) for block in blocks],
            "hidden": self.hidden,
        }


def _stage(width: int, wide: int, squeezed: int, blocks: int) -> tuple[BlockSize, ...]:
    """Blocks of one size; the first of them halves frames and bins."""
    return (
        BlockSize(width, wide, squeezed, stride=2),
        *(blocks - 1) * (BlockSize(width, wide, squeezed),),
    )


BIRDNET = Layout(
    spec=LogMelSpec(hop_samples=560, mel_bins=96),
    views=(View(2048, 278), View(1024, 280)),
    bins=96,
    stem=24,
    blocks=(
        *_stage(36, 72, 0, blocks=3),
        *_stage(72, 288, 18, blocks=4),
        *_stage(108, 864, 27, blocks=5),
        *_stage(192, 1536, 48, blocks=4),
    ),
    hidden=1024,
)
"""BirdNET v2.4's."""


class Activations(NamedTuple):
    """A network's on some windows, frames before bins, as ours are."""

    log_mel: Tensor
    """float32[windows, 1, frames, mel_bins]: what our front end makes of the same windows."""
    views: Tensor
    """float32[windows, 2, frames, bins]."""
    pooled: Tensor
    """float32[windows, stem, frames, bins]."""
    blocks: list[Tensor]
    """float32[windows, width, frames, bins] a block."""


class Inheritance:
    """A network's graph, and the tower that takes over its kernels.

    Args:
        graph: waveform in, logits of labels out.
        layout: of the network.

    Raises:
        DatasetError: it is laid out otherwise.
    """

    def __init__(self, graph: onnx.ModelProto, layout: Layout = BIRDNET) -> None:
        self._graph, self._layout = graph, layout
        self._held = {held.name: numpy_helper.to_array(held) for held in graph.graph.initializer}
        self.tower = InheritedTower(layout.config(layout.blocks))
        """With all of the network's channels."""
        layers = [layer for layer in self.tower.modules() if isinstance(layer, nn.Conv2d)]
        nodes = [node for node in graph.graph.node if len(self._constants(node, "Conv")) == 2]
        try:
            self._nodes = dict(zip(layers, nodes, strict=True))
            for layer, node in self._nodes.items():
                self._take(layer, *self._constants(node, "Conv"))
            self._take_norm()
        except (RuntimeError, ValueError, IndexError) as error:
            reason = str(error).splitlines()[0]
            raise DatasetError(f"the network is not laid out as expected ({reason})") from error

    def classifier(self) -> tuple[Tensor, Tensor]:
        """Its last layer: float32[labels, hidden] and float32[labels]."""
        weight, bias = self._all("MatMul", 2)[-1], self._all("Add", 1)[-1]
        return torch.tensor(weight.T.copy()), torch.tensor(bias)

    def hear(self, windows: Iterable[Float32s]) -> Activations:
        """Activations on windows, float32[samples] each."""
        names = [self._nodes[self.tower.stem].input[0], self._output(self.tower.pooled)]
        names += map(self._output_of, self.tower.each_block())
        session = open_session(_with_outputs(self._graph, names), RuntimeOptions("cpu", threads=0))
        frontend, rows = LogMel(self._layout.spec), []
        for window in tqdm(windows, "activations", disable=None):
            found = session.run(names, {INPUT: window[None]})
            rows.append([frontend(torch.from_numpy(window)[None]), *map(_turned, found)])
        log_mel, views, pooled, *blocks = (torch.cat(column) for column in zip(*rows, strict=True))
        return Activations(log_mel, views, pooled, blocks)

    def _output(self, layer: nn.Conv2d) -> str:
        return str(self._nodes[layer].output[0])

    def _output_of(self, block: InvertedResidual) -> str:
        name = self._output(block.project)
        if not block.residual:
            return name
        sums = (node for node in self._graph.graph.node if node.op_type == "Add")
        return str(next(node.output[0] for node in sums if name in node.input))

    def _constants(self, node: onnx.NodeProto, kind: str) -> list[Array]:
        own = node.input if node.op_type == kind else ()
        return [self._held[name] for name in own if name in self._held]

    def _all(self, kind: str, dimensions: int) -> list[Array]:
        nodes = self._graph.graph.node
        held = (constant for node in nodes for constant in self._constants(node, kind))
        return [constant for constant in held if constant.ndim == dimensions]

    @torch.no_grad()
    def _take(self, layer: nn.Conv2d, kernel: Array, bias: Array) -> None:
        turned = _turned(kernel)
        if layer is self.tower.stem:
            turned = turned[:, :, ::2] + turned[:, :, 1::2]  # two frames of theirs are one of ours
        layer.weight.copy_(turned)
        bias_of(layer).copy_(torch.tensor(bias))

    @torch.no_grad()
    def _take_norm(self) -> None:
        """The only batch norm that no kernel has taken up: before the last one."""
        for kind, own in (("Mul", self.tower.gain), ("Add", self.tower.shift)):
            own.copy_(torch.tensor(self._all(kind, 4)[-1][0]))


def _with_outputs(graph: onnx.ModelProto, names: Sequence[str]) -> bytes:
    """The same graph, that gives what lies between."""
    copy = onnx.ModelProto()
    copy.CopyFrom(graph)
    del copy.graph.output[:]
    floats = (helper.make_tensor_value_info(name, TensorProto.FLOAT, None) for name in names)
    copy.graph.output.extend(floats)
    return bytes(copy.SerializeToString())


def _turned(maps: Array) -> Tensor:
    """[..., bins, frames] -> [..., frames, bins]."""
    return torch.tensor(np.swapaxes(maps, -1, -2))
