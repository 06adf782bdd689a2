"""Operators that move numbers or count them: shapes, slices, joins and reductions."""

from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np

from edge.contract.arrays import Array
from edge.contract.errors import DatasetError
from export.tflite.builder import BATCH, GraphBuilder, Linear, Value
from export.tflite.elementwise import Converter
from export.tflite.reader import Operator

_INT64_MAX = np.iinfo(np.int64).max
_FIRST = (0, 3, 1, 2)
_MOST = 1e8
"""Numbers of a constant that is worked out here."""


def _constant(operator: Operator, value: Value) -> Array:
    if value.constant is None:
        raise DatasetError(f"{operator.kind}: {value.name} is computed; expected a constant")
    return value.constant


def _shape(build: GraphBuilder, operator: Operator, inputs: Sequence[Value]) -> Value:
    return build.constant(np.array(inputs[0].shape, np.int32))


def _reshape(build: GraphBuilder, operator: Operator, inputs: Sequence[Value]) -> Value:
    wanted = [int(size) for size in _constant(operator, inputs[1]).reshape(-1)]
    return reshaped(build, inputs[0], _completed(inputs[0].shape, wanted))


def _completed(shape: Sequence[int], wanted: Sequence[int]) -> list[int]:
    """A shape whose -1 is worked out."""
    if -1 not in wanted:
        return [*wanted]
    known = int(np.prod([size for size in wanted if size != -1], dtype=np.int64))
    missing = int(np.prod(shape, dtype=np.int64)) // max(known, 1)
    return [missing if size == -1 else size for size in wanted]


def reshaped(build: GraphBuilder, value: Value, shape: Sequence[int]) -> Value:
    """Another shape; what is known of a signal's frames is kept where rows stay rows."""
    if value.linear is not None and shape and shape[-1] == value.shape[-1]:
        return replace(value, shape=tuple(shape))
    if len(shape) == 4 and tuple(shape[1:3]) == (1, 1) and value.constant is None:
        flat = build.reshape(build.computed(value), (shape[0], shape[3], 1, 1))
        return replace(flat, shape=tuple(shape), channels_first=True)
    made = build.reshape(build.channels_last(value), shape)
    if value.frames is None or not shape:
        return made
    if shape[-1] == len(value.frames.matrix):
        return replace(made, frames=value.frames)
    return made


def _squeeze(build: GraphBuilder, operator: Operator, inputs: Sequence[Value]) -> Value:
    shape, count = inputs[0].shape, operator.option("SqueezeDimsLength")
    table = operator.table
    dropped = {int(table.SqueezeDims(n)) % len(shape) for n in range(count)}
    if not dropped:
        dropped = {n for n, size in enumerate(shape) if size == 1}
    return reshaped(build, inputs[0], [size for n, size in enumerate(shape) if n not in dropped])


def _expand(build: GraphBuilder, operator: Operator, inputs: Sequence[Value]) -> Value:
    axis = int(_constant(operator, inputs[1]).reshape(-1)[0])
    shape = [*inputs[0].shape]
    shape.insert(axis if axis >= 0 else axis + len(shape) + 1, 1)
    return reshaped(build, inputs[0], shape)


def _transpose(build: GraphBuilder, operator: Operator, inputs: Sequence[Value]) -> Value:
    order = [int(axis) for axis in _constant(operator, inputs[1])]
    return build.emit("Transpose", build.channels_last(inputs[0]), perm=order)


def _pack(build: GraphBuilder, operator: Operator, inputs: Sequence[Value]) -> Value:
    held = [build.channels_last(value) for value in inputs]
    rank = len(held[0].shape) + 1
    axis = operator.option("Axis") % rank
    shape = [*held[0].shape[:axis], 1, *held[0].shape[axis:]]
    return build.emit("Concat", *(build.reshape(value, shape) for value in held), axis=axis)


def _concatenation(build: GraphBuilder, operator: Operator, inputs: Sequence[Value]) -> Value:
    rank = len(inputs[0].shape)
    axis = operator.option("Axis") % rank
    pictures = rank == 4 and all(value.channels_first or value.shape[3] == 1 for value in inputs)
    if not pictures:
        return build.emit("Concat", *(build.channels_last(value) for value in inputs), axis=axis)
    held = [build.channels_first(value) for value in inputs]
    made = build.emit("Concat", *(value.stored for value in held), axis=_FIRST.index(axis))
    return made.as_picture()


def _split(build: GraphBuilder, operator: Operator, inputs: Sequence[Value]) -> list[Value]:
    axis = int(_constant(operator, inputs[0]).reshape(-1)[0])
    count, value = len(operator.outputs), build.channels_last(inputs[1])
    sizes = [value.shape[axis] // count] * count
    return build.emit_several(count, "Split", value, build.integers(sizes), axis=axis)


def _split_v(build: GraphBuilder, operator: Operator, inputs: Sequence[Value]) -> list[Value]:
    axis = int(_constant(operator, inputs[2]).reshape(-1)[0])
    value = build.channels_last(inputs[0])
    wanted = [int(size) for size in _constant(operator, inputs[1])]
    sizes = _completed_sum(value.shape[axis], wanted)
    return build.emit_several(len(sizes), "Split", value, build.integers(sizes), axis=axis)


def _completed_sum(whole: int, wanted: Sequence[int]) -> list[int]:
    missing = whole - sum(size for size in wanted if size != -1)
    return [missing if size == -1 else size for size in wanted]


def _slice(build: GraphBuilder, operator: Operator, inputs: Sequence[Value]) -> Value:
    begins, sizes = (_constant(operator, name).astype(np.int64) for name in inputs[1:3])
    ends = np.where(sizes == -1, _INT64_MAX, begins + sizes)
    ends = np.where(ends >= inputs[0].shape, _INT64_MAX, ends)
    value = build.channels_last(inputs[0])
    bounds = (
        build.integers(places) for places in (begins.tolist(), ends.tolist(), range(len(begins)))
    )
    return build.emit("Slice", value, *bounds)


def _strided_slice(build: GraphBuilder, operator: Operator, inputs: Sequence[Value]) -> Value:
    """STRIDED_SLICE with its masks, but for ellipsis and new axes."""
    if operator.option("EllipsisMask") or operator.option("NewAxisMask"):
        raise DatasetError("STRIDED_SLICE: ellipsis and new axes are not known")
    value = build.channels_last(inputs[0])
    begins, ends, steps = ([int(n) for n in _constant(operator, name)] for name in inputs[1:4])
    dropped = [n for n in range(len(begins)) if operator.option("ShrinkAxisMask") >> n & 1]
    for n, size in enumerate(value.shape[: len(begins)]):
        if operator.option("BeginMask") >> n & 1:
            begins[n] = 0 if steps[n] > 0 else _INT64_MAX
        if n in dropped:
            ends[n] = begins[n] + 1 if begins[n] != -1 else _INT64_MAX
        elif operator.option("EndMask") >> n & 1 or ends[n] == size:
            ends[n] = _INT64_MAX if steps[n] > 0 else -_INT64_MAX
    axes = range(len(begins))
    made = build.emit("Slice", value, *map(build.integers, (begins, ends, axes, steps)))
    kept = [size for n, size in enumerate(made.shape) if n not in dropped]
    whole = kept == [*made.shape]
    made = made if whole else build.reshape(made, kept)
    return made


def _gather(build: GraphBuilder, operator: Operator, inputs: Sequence[Value]) -> Value:
    """GATHER; frames of a signal are noted as such."""
    value, axis = build.channels_last(inputs[0]), operator.option("Axis")
    made = build.emit("Gather", value, inputs[1], axis=axis)
    frames = _frames(build, value, inputs[1], axis)
    return made if frames is None else replace(made, frames=frames)


def _frames(build: GraphBuilder, value: Value, places: Value, axis: int) -> Linear | None:
    """Frames as tf.signal.frame makes them: pieces of a signal, gathered in overlapping rows."""
    index = places.constant
    if index is None or index.ndim != 2 or axis != 1 or len(value.shape) != 3:
        return None
    rows, wide = index.shape
    step = int(index[1, 0] - index[0, 0]) if rows > 1 else 1
    if step < 1 or not np.array_equal(index, step * np.arange(rows)[:, None] + np.arange(wide)):
        return None
    batch, pieces, length = value.shape
    # The convolution that stands for the frames makes as many as fit: no more may do so here.
    used = ((rows - 1) * step + wide) * length
    signal = build.reshape(value, (batch, pieces * length))
    if used < pieces * length:
        ends = map(build.integers, ((0,), (used,), (1,)))
        signal = build.emit("Slice", signal, *ends)
    return Linear(signal, step * length, np.ones(wide * length))


def _pad(build: GraphBuilder, operator: Operator, inputs: Sequence[Value]) -> Value:
    widths = _constant(operator, inputs[1]).astype(np.int64)
    value = build.computed(inputs[0])
    if value.channels_first:
        widths = widths[[*_FIRST]]
    filling = [inputs[2]] if len(inputs) > 2 else []
    made = build.emit("Pad", value.stored, build.integers(widths.T.reshape(-1)), *filling)
    return made.as_picture() if value.channels_first else made


def _mirror_pad(build: GraphBuilder, operator: Operator, inputs: Sequence[Value]) -> Value:
    if operator.option("Mode"):
        raise DatasetError("MIRROR_PAD: only the mode REFLECT is known")
    widths = _constant(operator, inputs[1]).astype(np.int64)
    value = build.channels_last(inputs[0])
    return build.emit("Pad", value, build.integers(widths.T.reshape(-1)), mode="reflect")


def _reverse(build: GraphBuilder, operator: Operator, inputs: Sequence[Value]) -> Value:
    axes = [int(axis) for axis in _constant(operator, inputs[1]).reshape(-1)]
    value = build.channels_last(inputs[0])
    turned = [(-1,) * len(axes), (-_INT64_MAX,) * len(axes), axes, (-1,) * len(axes)]
    return build.emit("Slice", value, *map(build.integers, turned))


def _tile(build: GraphBuilder, operator: Operator, inputs: Sequence[Value]) -> Value:
    times = _constant(operator, inputs[1]).astype(np.int64)
    if inputs[0].constant is not None:
        _check_size(float(np.prod(times, dtype=np.float64)) * inputs[0].constant.size)
    return build.emit("Tile", build.channels_last(inputs[0]), build.integers(times))


def _broadcast(build: GraphBuilder, operator: Operator, inputs: Sequence[Value]) -> Value:
    wanted = _constant(operator, inputs[1]).astype(np.int64)
    plain = [1 if size % BATCH == 0 else int(size) for size in wanted]
    _check_size(float(np.prod(plain, dtype=np.float64)))
    return build.emit("Expand", build.channels_last(inputs[0]), build.integers(plain))


def _fill(build: GraphBuilder, operator: Operator, inputs: Sequence[Value]) -> Value:
    shape = _constant(operator, inputs[0])
    if any(size % BATCH == 0 and size for size in shape):
        shape = np.where(shape % BATCH == 0, 1, shape)  # it is broadcast against the batch
    _check_size(np.prod(shape, dtype=np.float64))
    return build.constant(np.full(shape, _constant(operator, inputs[1])))


def _range(build: GraphBuilder, operator: Operator, inputs: Sequence[Value]) -> Value:
    begin, end, step = (_constant(operator, name).item() for name in inputs)
    _check_size((end - begin) / step if step else np.inf)
    return build.constant(np.arange(begin, end, step).astype(inputs[0].dtype))


def _check_size(numbers: float) -> None:
    """Refuse a constant that only a damaged file asks for."""
    if not numbers <= _MOST:
        raise DatasetError(f"a constant of {numbers:.3g} numbers")


def _reduction(kind: str) -> Converter:
    def convert(build: GraphBuilder, operator: Operator, inputs: Sequence[Value]) -> Value:
        value = build.computed(inputs[0])
        rank, kept = len(value.shape), bool(operator.option("KeepDims"))
        axes = sorted({int(n) % rank for n in _constant(operator, inputs[1]).reshape(-1)})
        over_space = value.channels_first and axes == [1, 2]
        if not over_space:
            value = build.channels_last(value)
        places = build.integers([_FIRST.index(n) for n in axes] if over_space else axes)
        made = build.emit(kind, value.stored, places, keepdims=int(kept))
        return made.as_picture() if over_space and kept else made

    return convert


ARRANGEMENT: dict[str, Callable[..., Value | list[Value]]] = {
    "BROADCAST_TO": _broadcast,
    "CONCATENATION": _concatenation,
    "EXPAND_DIMS": _expand,
    "FILL": _fill,
    "GATHER": _gather,
    "MEAN": _reduction("ReduceMean"),
    "MIRROR_PAD": _mirror_pad,
    "PACK": _pack,
    "PAD": _pad,
    "PADV2": _pad,
    "RANGE": _range,
    "REDUCE_MAX": _reduction("ReduceMax"),
    "REDUCE_MIN": _reduction("ReduceMin"),
    "REDUCE_PROD": _reduction("ReduceProd"),
    "RESHAPE": _reshape,
    "REVERSE_V2": _reverse,
    "SHAPE": _shape,
    "SLICE": _slice,
    "SPLIT": _split,
    "SPLIT_V": _split_v,
    "SQUEEZE": _squeeze,
    "STRIDED_SLICE": _strided_slice,
    "SUM": _reduction("ReduceSum"),
    "TILE": _tile,
    "TRANSPOSE": _transpose,
}
