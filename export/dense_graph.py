"""Image tower's graph cut open before its pooling: the dense form of a tower that is only a file.

A bundle keeps its image tower as ONNX, often without the model that it was traced from. What
follows the last mean over places is done to each place, as `gallery.dense` does in torch.
"""

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from edge.contract.arrays import Float32s
from edge.contract.errors import DatasetError
from edge.recognition.runtime import RuntimeOptions, open_session

_FED, _MADE = "image", "embedding"


class DenseGraph:
    """An image tower's graph, and the same one cut open.

    Args:
        tower: float32[batch, 3, side, side] -> float32[batch, dim], unit rows.

    Raises:
        DatasetError: it has no mean over places to be cut at.
    """

    def __init__(self, tower: onnx.ModelProto) -> None:
        self._tower, self._pooling = tower, _last_pooling(tower)
        self._features = tower.graph.node[self._pooling].input[0]
        self._shape = _shape_of(tower, self._features)

    def opened(self) -> onnx.ModelProto:
        """float32[batch, 3, side, side] -> float32[batch, height, width, dim], unit or zero."""
        model = onnx.ModelProto()
        model.CopyFrom(self._tower)
        graph, (channels, height, width) = model.graph, self._shape
        graph.node[self._pooling].input[0] = "single"
        before = [
            helper.make_node("Transpose", [self._features], ["columns"], perm=[0, 2, 3, 1]),
            helper.make_node("Reshape", ["columns", "single.shape"], ["single"]),
        ]
        after = [  # a place without any feature has no direction: 0 / 0
            helper.make_node("IsNaN", [_MADE], ["nothing"]),
            helper.make_node("Where", ["nothing", "zero", _MADE], ["rows"]),
            helper.make_node("Reshape", ["rows", "places.shape"], ["places"]),
        ]
        nodes = [*graph.node]
        nodes[self._pooling : self._pooling] = before
        del graph.node[:], graph.value_info[:]
        graph.node.extend([*nodes, *after])
        dim = graph.output[0].type.tensor_type.shape.dim[1].dim_value
        shapes = {"single": (-1, channels, 1, 1), "places": (-1, height, width, dim)}
        constants = {f"{name}.shape": np.array(shape) for name, shape in shapes.items()}
        constants["zero"] = np.zeros((), np.float32)
        graph.initializer.extend(
            numpy_helper.from_array(array, name) for name, array in constants.items()
        )
        shape = ["batch", height, width, dim]
        graph.output[0].CopyFrom(helper.make_tensor_value_info("places", TensorProto.FLOAT, shape))
        _rename_input(graph, "picture")
        onnx.checker.check_model(model)
        return model

    def by_parts(self, planes: Float32s) -> Float32s:
        """The same by the tower's own two parts, a place at a time: what the graph must give.

        Args:
            planes: float32[1, 3, side, side].

        Returns:
            float32[1, height, width, dim].
        """
        typed = onnx.shape_inference.infer_shapes(self._tower)
        extractor, options = onnx.utils.Extractor(typed), RuntimeOptions("cpu", threads=0)
        parts = ([_FED], [self._features]), ([self._features], [_MADE])
        first, last = (
            open_session(_any_size(extractor.extract_model(*ends)).SerializeToString(), options)
            for ends in parts
        )
        (features,) = first.run(None, {_FED: planes})
        _, _, height, width = features.shape
        rows = [
            last.run(None, {self._features: features[:, :, y : y + 1, x : x + 1]})[0]
            for y in range(height)
            for x in range(width)
        ]
        places: Float32s = np.nan_to_num(np.concatenate(rows)).reshape(1, height, width, -1)
        return places


def _last_pooling(tower: onnx.ModelProto) -> int:
    """Place of the node that makes one of all places."""
    constants = {
        tensor.name: numpy_helper.to_array(tensor).tolist()
        for tensor in tower.graph.initializer
        if tensor.data_type == TensorProto.INT64
    }
    nodes = tower.graph.node
    found = [n for n, node in enumerate(nodes) if _is_pooling(node, constants)]
    users = [node for node in nodes if found and nodes[found[-1]].input[0] in node.input]
    if len(users) != 1:
        raise DatasetError(
            "the image tower's graph has no mean over places to be cut at, as a CNN's has; make "
            "the map of its model: --teacher NAME"
        )
    return found[-1]


def _is_pooling(node: onnx.NodeProto, constants: dict[str, list[int]]) -> bool:
    if node.op_type == "GlobalAveragePool":
        return True
    axes = constants.get(node.input[1], []) if len(node.input) > 1 else []
    return node.op_type == "ReduceMean" and {axis % 4 for axis in axes} == {2, 3}


def _shape_of(tower: onnx.ModelProto, name: str) -> tuple[int, int, int]:
    """Channels, height and width of a value."""
    typed = onnx.shape_inference.infer_shapes(tower)
    sizes = next(value.type.tensor_type for value in typed.graph.value_info if value.name == name)
    _, channels, height, width = (size.dim_value for size in sizes.shape.dim)
    return channels, height, width


def _any_size(part: onnx.ModelProto) -> onnx.ModelProto:
    """A part that takes single places, too."""
    shape = part.graph.input[0].type.tensor_type.shape
    if part.graph.input[0].name != _FED:
        for size in (shape.dim[2], shape.dim[3]):
            size.dim_param = f"free{size.dim_value}"
    del part.graph.value_info[:]
    return part


def _rename_input(graph: onnx.GraphProto, name: str) -> None:
    graph.input[0].name = name
    for node in graph.node:
        node.input[:] = [name if value == _FED else value for value in node.input]
