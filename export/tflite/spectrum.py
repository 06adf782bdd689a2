"""Fourier transforms, as products with cosines and sines that every runtime knows.

A transform is linear. Its real part, which some networks take in place of the magnitude, and a
filterbank behind it are then one matrix over frames of the signal: a convolution in time.
"""

from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np

from edge.contract.arrays import Array
from edge.contract.errors import DatasetError
from export.tflite.builder import GraphBuilder, Linear, Value
from export.tflite.reader import Operator


def transform(build: GraphBuilder, operator: Operator, inputs: Sequence[Value]) -> Value:
    """RFFT2D over rows of one line: complex64[..., length // 2 + 1]."""
    value, lengths = inputs[:2]
    if lengths.constant is None or lengths.constant[0] != 1 or value.shape[-2] != 1:
        raise DatasetError("RFFT2D: only transforms of one dimension are known")
    length = int(lengths.constant[1])
    frames = value.frames or _rows(build, value)
    bins, places = np.arange(length // 2 + 1), np.arange(length)
    basis = np.exp(-2j * np.pi * (places[:, None] * bins % length) / length)
    if len(frames.matrix) > length:
        raise DatasetError(f"RFFT2D: frames of {len(frames.matrix)}, transformed {length} long")
    kept = basis[: len(frames.matrix)] * frames.matrix[:, None]
    shape = (*value.shape[:-1], len(bins))
    return build.put_off(replace(frames, matrix=kept), shape, np.complex64)


def _rows(build: GraphBuilder, value: Value) -> Linear:
    """Rows that come from elsewhere, one after the other as a signal without overlap."""
    width = value.shape[-1]
    batch = value.shape[0]
    count = int(np.prod(value.shape, dtype=np.int64)) // batch
    return Linear(build.reshape(build.channels_last(value), (batch, count)), width, np.ones(width))


def part(recording: Callable[[Array], Array]) -> Callable[..., Value]:
    """A converter of the real or the imaginary part."""

    def convert(build: GraphBuilder, operator: Operator, inputs: Sequence[Value]) -> Value:
        return taken(build, inputs[0], recording)

    return convert


def taken(build: GraphBuilder, value: Value, recording: Callable[[Array], Array]) -> Value:
    """One part of a spectrum, not computed yet."""
    if value.linear is None or value.linear.matrix.dtype != np.complex128:
        raise DatasetError("a complex value that is no spectrum is not known")
    linear = replace(value.linear, matrix=recording(value.linear.matrix))
    return build.put_off(linear, value.shape, np.float32)


def magnitude(build: GraphBuilder, operator: Operator, inputs: Sequence[Value]) -> Value:
    """COMPLEX_ABS."""
    parts = [build.computed(taken(build, inputs[0], part)) for part in (np.real, np.imag)]
    squares = [build.emit("Mul", part, part) for part in parts]
    return build.emit("Sqrt", build.emit("Add", *squares))


SPECTRUM = {
    "COMPLEX_ABS": magnitude,
    "IMAG": part(np.imag),
    "REAL": part(np.real),
    "RFFT2D": transform,
}
