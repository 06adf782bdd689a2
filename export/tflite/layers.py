"""Layers with weights and windows: convolutions, pooling, full connection."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from edge.contract.arrays import Array
from edge.contract.errors import DatasetError
from export.tflite.builder import GraphBuilder, Linear, Value
from export.tflite.reader import Operator

_ACTIVATIONS = {1: "RELU", 2: "RELU_N1_TO_1", 3: "RELU6"}
_SAME = 0
"""The schema's Padding: SAME, or VALID."""


def activated(build: GraphBuilder, operator: Operator, value: Value) -> Value:
    """A value behind the activation that is fused into an operator.

    Raises:
        DatasetError: the activation is not known.
    """
    fused = operator.option("FusedActivationFunction")
    if not fused:
        return value
    if fused not in _ACTIVATIONS:
        raise DatasetError(f"{operator.kind}: fused activation {fused} is not known")
    return activation(build, _ACTIVATIONS[fused], value)


def activation(build: GraphBuilder, kind: str, value: Value) -> Value:
    """One of the activations that operators fuse; layout stays."""
    if kind == "RELU":
        made = build.emit("Relu", value.stored)
    else:
        low, high = (0, 6) if kind == "RELU6" else (-1, 1)
        bounds = [build.constant(np.float32(bound)) for bound in (low, high)]
        made = build.emit("Clip", value.stored, *bounds)
    return made.laid_like(value)


def convolution(build: GraphBuilder, operator: Operator, inputs: Sequence[Value]) -> Value:
    """CONV_2D: weights [out, height, width, in]."""
    return _convolved(build, operator, inputs, _weights(operator, inputs[1]).transpose(0, 3, 1, 2))


def depthwise(build: GraphBuilder, operator: Operator, inputs: Sequence[Value]) -> Value:
    """DEPTHWISE_CONV_2D: weights [1, height, width, out]."""
    kernels = _weights(operator, inputs[1]).transpose(3, 0, 1, 2)
    return _convolved(build, operator, inputs, kernels, groups=inputs[0].shape[3])


def _convolved(
    build: GraphBuilder,
    operator: Operator,
    inputs: Sequence[Value],
    kernels: Array,
    groups: int = 1,
) -> Value:
    picture, (height, width) = inputs[0], kernels.shape[2:]
    dilations = [operator.option(f"Dilation{side}Factor", 1) for side in "HW"]
    reach = [(size - 1) * wide + 1 for size, wide in zip((height, width), dilations, strict=True)]
    channels = picture.shape[3] // groups
    if kernels.shape[1] != channels:
        raise DatasetError(f"{operator.kind}: {kernels.shape[1]} channels, expected {channels}")
    held = [build.constant(np.ascontiguousarray(kernels)), *inputs[2:3]]
    return _windowed(
        build,
        operator=operator,
        kind="Conv",
        picture=picture,
        reach=reach,
        held=held,
        dilations=dilations,
        group=groups,
    )


def pooling(build: GraphBuilder, operator: Operator, inputs: Sequence[Value]) -> Value:
    """AVERAGE_POOL_2D and MAX_POOL_2D; padding counts in neither."""
    kind = "AveragePool" if operator.kind == "AVERAGE_POOL_2D" else "MaxPool"
    reach = [operator.option("FilterHeight"), operator.option("FilterWidth")]
    return _windowed(
        build,
        operator=operator,
        kind=kind,
        picture=inputs[0],
        reach=reach,
        held=(),
        kernel_shape=reach,
    )


def _windowed(
    build: GraphBuilder,
    operator: Operator,
    kind: str,
    picture: Value,
    reach: Sequence[int],
    held: Sequence[Value],
    **attributes: object,
) -> Value:
    """An operator that slides over height and width."""
    strides = [operator.option("StrideH"), operator.option("StrideW")]
    pads = _pads(operator, picture.shape[1:3], reach, strides)
    first = build.channels_first(picture).stored
    made = build.emit(kind, first, *held, strides=strides, pads=pads, **attributes)
    return activated(build, operator, made.as_picture())


def _pads(
    operator: Operator, sizes: Sequence[int], reach: Sequence[int], strides: Sequence[int]
) -> list[int]:
    """Padding that SAME adds before height and width, and behind them."""
    if operator.option("Padding") != _SAME:
        return [0, 0, 0, 0]
    missing = [
        max((-(-size // stride) - 1) * stride + wide - size, 0)
        for size, wide, stride in zip(sizes, reach, strides, strict=True)
    ]
    return [
        *(padding // 2 for padding in missing),
        *(padding - padding // 2 for padding in missing),
    ]


def _weights(operator: Operator, value: Value) -> Array:
    if value.constant is None or value.constant.ndim != 4:
        raise DatasetError(f"{operator.kind}: its weights are computed; expected constants")
    return value.constant


def full_connection(build: GraphBuilder, operator: Operator, inputs: Sequence[Value]) -> Value:
    """FULLY_CONNECTED: weights [out, in]; a product that was put off takes them up."""
    value, weights = inputs[:2]
    if weights.constant is None or weights.constant.ndim != 2:
        raise DatasetError(f"{operator.kind}: its weights are computed; expected constants")
    out, width = weights.constant.shape
    kept = operator.option("KeepNumDims", False)
    rows = value.shape[:-1] if kept else (int(np.prod(value.shape)) // width,)
    if value.linear is not None and value.shape[-1] == width:
        product = _taken_up(build, value.linear, weights.constant, (*rows, out))
    else:
        last = build.channels_last(value)
        flat = build.reshape(last, (*rows, width))
        product = build.emit("MatMul", flat, build.constant(weights.constant.T.copy()))
    if len(inputs) > 2:
        product = build.emit("Add", build.computed(product), inputs[2])
    fused = operator.option("FusedActivationFunction")
    return activated(build, operator, build.computed(product)) if fused else product


def _taken_up(build: GraphBuilder, linear: Linear, weights: Array, shape: Sequence[int]) -> Value:
    matrix = linear.matrix @ weights.T.astype(np.float64)
    return build.put_off(replace(linear, matrix=matrix), shape, np.float32)


LAYERS = {
    "AVERAGE_POOL_2D": pooling,
    "CONV_2D": convolution,
    "DEPTHWISE_CONV_2D": depthwise,
    "FULLY_CONNECTED": full_connection,
    "MAX_POOL_2D": pooling,
}
