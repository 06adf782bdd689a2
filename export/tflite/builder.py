"""An ONNX graph under construction: typed values, constants folded, unused nodes left out.

Shapes are worked out node by node. While a graph is built, its batch stands for a prime number that
no layer has as a dimension, so that whatever depends on the batch can be told from what does not.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
from onnx import TensorProto, helper, numpy_helper
from onnx.reference import ReferenceEvaluator

from edge.contract.arrays import Array
from edge.contract.errors import DatasetError

BATCH = 99_991
OPSET = 18
_FIRST, _LAST = (0, 3, 1, 2), (0, 2, 3, 1)


@dataclass(frozen=True)
class Linear:
    """A value as the product of frames of a signal with a matrix, not computed yet.

    A spectrum's real part and the filterbank behind it are both linear: their product is one
    matrix, which costs less than either.
    """

    signal: "Value"
    """float32[batch, samples]."""
    hop_samples: int
    matrix: Array
    """[frame_samples, columns]; float64 or complex128."""


@dataclass(frozen=True)
class Value:
    """A tensor of the network."""

    name: str
    shape: tuple[int, ...]
    """As the network sees it, channels last; the batch stands as BATCH."""
    dtype: npt.DTypeLike
    constant: Array | None = None
    channels_first: bool = False
    """[batch, height, width, channels] lies in the graph as [batch, channels, height, width]."""
    linear: Linear | None = None
    frames: Linear | None = None
    """It is frames of a signal: its matrix is the identity, or a window on the diagonal."""

    @property
    def stored_shape(self) -> tuple[int, ...]:
        """As it lies in the graph."""
        return tuple(self.shape[n] for n in _FIRST) if self.channels_first else self.shape

    @property
    def stored(self) -> "Value":
        """The same numbers, taken as they lie in the graph."""
        return replace(self, shape=self.stored_shape, channels_first=False, frames=None)

    def laid_like(self, other: "Value") -> "Value":
        """Numbers of another value's shape and layout."""
        return replace(self, shape=other.shape, channels_first=other.channels_first)

    def as_picture(self) -> "Value":
        """[batch, channels, height, width] as the network sees it: channels last."""
        shape = tuple(self.shape[n] for n in _LAST)
        return replace(self, shape=shape, channels_first=True)


class GraphBuilder:
    """Nodes and constants of a graph with one input, in the order in which they run."""

    def __init__(self) -> None:
        self._nodes: list[onnx.NodeProto] = []
        self._constants: dict[str, Array] = {}
        self._computed: dict[str, str] = {}
        self._count = 0

    def constant(self, array: Any) -> Value:
        """A constant."""
        held = np.asarray(array)
        name = self._new("constant")
        self._constants[name] = held
        return Value(name, held.shape, held.dtype, held)

    def integers(self, numbers: Iterable[int]) -> Value:
        """A constant list of whole numbers, as ONNX wants axes and shapes."""
        return self.constant(np.array([*numbers], np.int64))

    def input(self, name: str, shape: Sequence[int], dtype: npt.DTypeLike = np.float32) -> Value:
        """The graph's input; its first dimension is the batch."""
        return Value(name, (BATCH, *shape[1:]), np.dtype(dtype))

    def emit(self, kind: str, *inputs: Value | None, **attributes: Any) -> Value:
        """Add a node of one output."""
        return self.emit_several(1, kind, *inputs, **attributes)[0]

    def emit_several(
        self, count: int, kind: str, *inputs: Value | None, **attributes: Any
    ) -> list[Value]:
        """Add a node; where all of its inputs are constants, compute it instead."""
        names = ["" if value is None else value.name for value in inputs]
        node = helper.make_node(kind, names, [self._new(kind) for _ in range(count)], **attributes)
        held = [value for value in inputs if value is not None]
        if all(value.constant is not None for value in held):
            return [self.constant(array) for array in _computed(node, held)]
        node.name = node.output[0]
        self._nodes.append(node)
        kinds = zip(node.output, _inferred(node, held), strict=True)
        return [Value(name, *shape_and_dtype) for name, shape_and_dtype in kinds]

    def reshape(self, value: Value, shape: Sequence[int]) -> Value:
        """Another shape of the values as they lie in the graph."""
        if value.constant is not None:
            return self.constant(value.constant.reshape(shape))
        if tuple(shape) == value.stored_shape:
            return replace(value, channels_first=False, shape=tuple(shape))
        target = [-1 if size % BATCH == 0 and size else size for size in shape]
        if target.count(-1) > 1:
            raise DatasetError(f"two dimensions of {list(shape)} depend on the batch")
        made = self.emit("Reshape", value, self.integers(target))
        return replace(made, shape=tuple(shape))

    def channels_last(self, value: Value) -> Value:
        """The value as the network sees it."""
        value = self.computed(value)
        if not value.channels_first:
            return value
        if 1 in (value.shape[3], value.shape[1] * value.shape[2]):
            return self.reshape(value, value.shape)
        return self.emit("Transpose", value.stored, perm=_LAST)

    def channels_first(self, value: Value) -> Value:
        """A picture with its channels before its height."""
        value = self.computed(value)
        if value.channels_first:
            return value
        stored = tuple(value.shape[n] for n in _FIRST)
        if 1 in (value.shape[3], value.shape[1] * value.shape[2]):
            moved = self.reshape(value, stored)
        else:
            moved = self.emit("Transpose", value, perm=_FIRST)
        return replace(moved, shape=value.shape, channels_first=True)

    def computed(self, value: Value) -> Value:
        """The value itself where it stands for a product that was put off."""
        if value.linear is None:
            return value
        if value.name not in self._computed:
            self._computed[value.name] = self._product(value.linear, value.shape).name
        return replace(value, name=self._computed[value.name], linear=None)

    def put_off(self, linear: Linear, shape: Sequence[int], dtype: npt.DTypeLike) -> Value:
        """A product that is computed when somebody needs it."""
        return Value(self._new("linear"), tuple(shape), np.dtype(dtype), linear=linear)

    def _product(self, linear: Linear, shape: Sequence[int]) -> Value:
        """Frames times matrix, as a convolution in time: [batch, columns, frames]."""
        batch, samples = linear.signal.shape
        signal = self.reshape(linear.signal, (batch, 1, samples))
        kernels = linear.matrix.T[:, None, :].astype(np.float32)
        convolved = self.emit("Conv", signal, self.constant(kernels), strides=[linear.hop_samples])
        return self.reshape(self.emit("Transpose", convolved, perm=(0, 2, 1)), shape)

    def model(self, input_: Value, output: Value, name: str) -> onnx.ModelProto:
        """The graph of what the output needs, with a dynamic batch.

        Args:
            input_: from `input`.
            output: any value; it is renamed.
            name: of the output.
        """
        final = self.emit("Identity", output)
        nodes, used = _needed(self._nodes, final.name)
        nodes[-1].output[0] = name
        kept = [numpy_helper.from_array(self._constants[name], name) for name in self._constants
                if name in used]  # fmt: skip
        graph = helper.make_graph(
            nodes, "encoder", [_described(input_)], [_described(replace(final, name=name))], kept
        )
        opset = helper.make_opsetid("", OPSET)
        model = helper.make_model(graph, opset_imports=[opset], producer_name="birdlisten")
        model.ir_version = 10
        onnx.checker.check_model(model)
        return model

    def _new(self, kind: str) -> str:
        self._count += 1
        return f"{kind}_{self._count}"


def _needed(nodes: Sequence[onnx.NodeProto], output: str) -> tuple[list[onnx.NodeProto], set[str]]:
    """The nodes that an output depends on, and the names of all that they read."""
    kept, used = [], {output}
    for node in reversed(nodes):
        if used & set(node.output):
            kept.append(node)
            used |= set(node.input)
    return kept[::-1], used


def _described(value: Value) -> onnx.ValueInfoProto:
    shape = ["batch" if size == BATCH else size for size in value.shape]
    return helper.make_tensor_value_info(value.name, _type(value.dtype), shape)


def _type(dtype: npt.DTypeLike) -> int:
    return int(helper.np_dtype_to_tensor_dtype(np.dtype(dtype)))


def _computed(node: onnx.NodeProto, inputs: Sequence[Value]) -> list[Array]:
    """A node's outputs from constants."""
    known = {value.name: value.constant for value in inputs}
    given, made = (
        [helper.make_tensor_value_info(name, TensorProto.UNDEFINED, None) for name in names]
        for names in (known, node.output)
    )
    graph = helper.make_graph([node], "constant", given, made)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", OPSET)])
    return [np.asarray(array) for array in ReferenceEvaluator(model).run(None, known)]


def _inferred(
    node: onnx.NodeProto, inputs: Sequence[Value]
) -> list[tuple[tuple[int, ...], npt.DTypeLike]]:
    """Shape and type of a node's outputs.

    Raises:
        DatasetError: the inputs do not fit each other.
    """
    types = {
        value.name: helper.make_tensor_type_proto(_type(value.dtype), value.stored_shape)
        for value in inputs
    }
    held = {
        value.name: numpy_helper.from_array(value.constant)
        for value in inputs
        if value.constant is not None
    }
    operator = onnx.defs.get_schema(node.op_type, OPSET)
    try:
        found = onnx.shape_inference.infer_node_outputs(operator, node, types, held)
        return [_shape_and_dtype(found[name]) for name in node.output]
    except (onnx.shape_inference.InferenceError, KeyError, ValueError) as error:
        shapes = [value.stored_shape for value in inputs]
        raise DatasetError(f"{node.op_type} of {shapes}: the shapes do not fit") from error


def _shape_and_dtype(described: onnx.TypeProto) -> tuple[tuple[int, ...], npt.DTypeLike]:
    tensor = described.tensor_type
    if any(not dim.HasField("dim_value") for dim in tensor.shape.dim):
        raise ValueError("a dimension that is not known before the network runs")
    shape = tuple(int(dim.dim_value) for dim in tensor.shape.dim)
    return shape, helper.tensor_dtype_to_np_dtype(tensor.elem_type)
