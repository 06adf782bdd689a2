"""Operators that treat every number by itself, or pair those of two values."""

from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np

from export.tflite.builder import GraphBuilder, Linear, Value
from export.tflite.layers import activated, activation
from export.tflite.reader import Operator

Converter = Callable[[GraphBuilder, Operator, Sequence[Value]], Value]
Pair = Callable[[GraphBuilder, Value, Value], Value]


def unary(kind: str, **attributes: object) -> Converter:
    """A converter of one value; its layout stays."""

    def convert(build: GraphBuilder, operator: Operator, inputs: Sequence[Value]) -> Value:
        value = build.computed(inputs[0])
        return build.emit(kind, value.stored, **attributes).laid_like(value)

    return convert


def binary(kind: str, pair: Pair | None = None) -> Converter:
    """A converter of two values that are broadcast against each other."""
    make = pair or (lambda build, left, other: build.emit(kind, left, other))

    def converted(build: GraphBuilder, operator: Operator, inputs: Sequence[Value]) -> Value:
        windowed = _windowed(build, operator, inputs) if kind == "Mul" else None
        if windowed is not None:
            return windowed
        left, other, first = _alike(build, *inputs)
        made = make(build, left, other)
        return activated(build, operator, made.as_picture() if first else made)

    return converted


def _alike(build: GraphBuilder, left: Value, other: Value) -> tuple[Value, Value, bool]:
    """Two values as they lie in the graph, in the same layout; whether that is channels first."""
    held = [build.computed(value) for value in (left, other)]
    if not any(value.channels_first for value in held):
        return held[0], held[1], False
    if all(value.channels_first or value.constant is not None for value in held):
        return _first(build, held[0]).stored, _first(build, held[1]).stored, True
    if all(len(value.shape) == 4 for value in held):
        first = [build.channels_first(value).stored for value in held]
        return first[0], first[1], True
    return build.channels_last(held[0]), build.channels_last(held[1]), False


def _first(build: GraphBuilder, value: Value) -> Value:
    """A constant as it is broadcast against channels that come first."""
    if value.constant is None or value.channels_first:
        return value
    padded = value.constant.reshape((1,) * (4 - value.constant.ndim) + value.constant.shape)
    return build.constant(np.ascontiguousarray(padded.transpose(0, 3, 1, 2)))


def _windowed(build: GraphBuilder, operator: Operator, inputs: Sequence[Value]) -> Value | None:
    """Frames times a window: noted, so that a spectrum behind it can take the window up."""
    frames = next((value for value in inputs if value.frames is not None), None)
    window = next((value for value in inputs if value.constant is not None), None)
    if frames is None or window is None or window.shape != frames.shape[-1:]:
        return None
    known: Linear | None = frames.frames
    if known is None or window.constant is None or operator.option("FusedActivationFunction"):
        return None
    made = build.emit("Mul", build.channels_last(frames), window)
    matrix = known.matrix * window.constant.astype(np.float64)
    return replace(made, frames=replace(known, matrix=matrix))


def _clip(kind: str) -> Converter:
    return lambda build, operator, inputs: activation(build, kind, build.computed(inputs[0]))


def _rsqrt(build: GraphBuilder, operator: Operator, inputs: Sequence[Value]) -> Value:
    return unary("Reciprocal")(build, operator, [unary("Sqrt")(build, operator, inputs)])


def _square(build: GraphBuilder, operator: Operator, inputs: Sequence[Value]) -> Value:
    return binary("Mul")(build, operator, [inputs[0], inputs[0]])


def _floor_div(build: GraphBuilder, left: Value, other: Value) -> Value:
    """Rounded down; ONNX rounds whole numbers towards zero."""
    if np.issubdtype(np.dtype(left.dtype), np.integer):
        wide = [build.emit("Cast", value, to=11) for value in (left, other)]
        floor = build.emit("Floor", build.emit("Div", *wide))
        return build.emit("CastLike", floor, left)
    return build.emit("Floor", build.emit("Div", left, other))


def _squared_difference(build: GraphBuilder, left: Value, other: Value) -> Value:
    difference = build.emit("Sub", left, other)
    return build.emit("Mul", difference, difference)


def _leaky(build: GraphBuilder, operator: Operator, inputs: Sequence[Value]) -> Value:
    return unary("LeakyRelu", alpha=operator.option("Alpha"))(build, operator, inputs)


def _softmax(build: GraphBuilder, operator: Operator, inputs: Sequence[Value]) -> Value:
    last, beta = build.channels_last(inputs[0]), operator.option("Beta", 1.0)
    scaled = last if beta == 1 else build.emit("Mul", last, build.constant(np.float32(beta)))
    return build.emit("Softmax", scaled, axis=-1)


ELEMENTWISE: dict[str, Converter] = {
    "ABS": unary("Abs"),
    "ADD": binary("Add"),
    "DIV": binary("Div"),
    "ELU": unary("Elu"),
    "EXP": unary("Exp"),
    "FLOOR": unary("Floor"),
    "FLOOR_DIV": binary("FloorDiv", _floor_div),
    "HARD_SWISH": unary("HardSwish"),
    "LEAKY_RELU": _leaky,
    "LOG": unary("Log"),
    "LOGISTIC": unary("Sigmoid"),
    "MAXIMUM": binary("Max"),
    "MINIMUM": binary("Min"),
    "MUL": binary("Mul"),
    "NEG": unary("Neg"),
    "POW": binary("Pow"),
    "RELU": _clip("RELU"),
    "RELU6": _clip("RELU6"),
    "RELU_N1_TO_1": _clip("RELU_N1_TO_1"),
    "RSQRT": _rsqrt,
    "SOFTMAX": _softmax,
    "SQRT": unary("Sqrt"),
    "SQUARE": _square,
    "SQUARED_DIFFERENCE": binary("SquaredDifference", _squared_difference),
    "SUB": binary("Sub"),
    "TANH": unary("Tanh"),
}
