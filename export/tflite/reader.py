"""Reader of TFLite files: tensors, operators and their options as plain Python.

The file is a FlatBuffer; its schema comes with the package `tflite`, so no TensorFlow is needed.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from edge.contract.arrays import Array, Float32s
from edge.contract.errors import DatasetError, MissingPackageError

_IDENTIFIER = b"TFL3"
_MOST = 1_000_000
"""Inputs, dimensions or channels of one tensor."""
_DTYPES = {
    "FLOAT32": np.float32,
    "FLOAT16": np.float16,
    "FLOAT64": np.float64,
    "INT8": np.int8,
    "UINT8": np.uint8,
    "INT16": np.int16,
    "INT32": np.int32,
    "INT64": np.int64,
    "BOOL": np.bool_,
    "COMPLEX64": np.complex64,
}


@dataclass(frozen=True)
class Quantisation:
    """Affine quantisation: real = scale * (stored - zero_point)."""

    scale: Float32s
    """float32[channels], or of one for the whole tensor."""
    zero_point: npt.NDArray[np.int64]
    axis: int

    def dequantised(self, stored: Array) -> Float32s:
        """The real values of a constant, float32 of the same shape."""
        shape = [1] * stored.ndim
        if stored.ndim:
            shape[self.axis] = len(self.scale)
        shift, scale = self.zero_point.reshape(shape), self.scale.reshape(shape)
        return np.asarray((stored.astype(np.int64) - shift) * scale, np.float32)


@dataclass(frozen=True)
class Tensor:
    """One value of the network."""

    name: str
    shape: tuple[int, ...]
    """As stored: a dimension that is only known when the network runs stands as 1."""
    dtype: npt.DTypeLike
    data: Array | None
    """A constant's values, else None."""
    quantisation: Quantisation | None


@dataclass(frozen=True)
class Operator:
    """One step of the network."""

    kind: str
    """As the schema names it, such as CONV_2D."""
    inputs: tuple[int, ...]
    """Indices of tensors; -1 where an optional one is left out."""
    outputs: tuple[int, ...]
    table: Any = field(repr=False, default=None)
    """The schema's options, or None."""

    def option(self, name: str, default: Any = 0) -> Any:
        """One of its options by the schema's name, such as StrideH."""
        read = getattr(self.table, name, None)
        return default if read is None else read()


@dataclass(frozen=True)
class Network:
    """A TFLite network of one subgraph."""

    tensors: tuple[Tensor, ...]
    operators: tuple[Operator, ...]
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]


def read_network(path: Path) -> Network:
    """Read a TFLite file.

    Raises:
        DatasetError: it is missing, cut short or not TFLite.
        MissingPackageError: the package `tflite` is not installed.
    """
    try:
        content = path.read_bytes()
    except OSError as error:
        raise DatasetError(f"{path}: not readable ({error.strerror})") from error
    if content[4:8] != _IDENTIFIER:
        raise DatasetError(f"{path}: not a TFLite file (no {_IDENTIFIER.decode()} at byte 4)")
    try:
        return _File(content).network()
    except MissingPackageError:
        raise
    except Exception as error:  # whatever a damaged offset makes of the schema's own reader
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise DatasetError(
            f"{path}: damaged or cut short ({reason[:80]}); download it again"
        ) from error


def stored_dtype(number: int) -> npt.DTypeLike:
    """The type that the schema numbers so.

    Raises:
        DatasetError: numpy has no such type.
    """
    kind = _kinds("TensorType").get(number, str(number))
    if kind not in _DTYPES:
        raise DatasetError(f"type {kind} is not known")
    return _DTYPES[kind]


def schema() -> Any:
    """The package that holds the schema.

    Raises:
        MissingPackageError: it is not installed.
    """
    try:
        import tflite
    except ImportError as error:
        raise MissingPackageError("reading a .tflite file needs: pip install tflite") from error
    return tflite


class _File:
    def __init__(self, content: bytes) -> None:
        self._model = schema().Model.GetRootAsModel(content, 0)

    def network(self) -> Network:
        if self._model.SubgraphsLength() != 1:
            raise ValueError(f"{self._model.SubgraphsLength()} subgraphs, expected one")
        graph = self._model.Subgraphs(0)
        count = _length(graph.TensorsLength())
        tensors = tuple(self._tensor(graph.Tensors(n)) for n in range(count))
        operators = tuple(self._operators(graph, len(tensors)))
        ends = [_indices(graph, name, len(tensors)) for name in ("Inputs", "Outputs")]
        return Network(tensors, operators, *ends)

    def _tensor(self, stored: Any) -> Tensor:
        name = (stored.Name() or b"").decode("utf-8", "replace")
        kind = _kinds("TensorType")[stored.Type()]
        shape = tuple(int(stored.Shape(n)) for n in range(_length(stored.ShapeLength())))
        dtype = _DTYPES.get(kind)
        if dtype is None:
            raise ValueError(f"tensor {name!r} holds {kind}")
        return Tensor(
            name=name,
            shape=shape,
            dtype=dtype,
            data=self._data(stored, shape, dtype),
            quantisation=_quantisation(stored),
        )

    def _data(self, stored: Any, shape: tuple[int, ...], dtype: npt.DTypeLike) -> Array | None:
        buffer = self._model.Buffers(stored.Buffer())
        if not buffer.DataLength():
            # Constants without a number are stored without a byte, as are all that is computed.
            return np.empty(shape, dtype) if 0 in shape else None
        wanted = int(np.prod(shape, dtype=np.int64)) * np.dtype(dtype).itemsize
        if buffer.DataLength() != wanted:
            raise ValueError(f"a tensor has {buffer.DataLength()} of {wanted} bytes")
        return np.frombuffer(buffer.DataAsNumpy().tobytes(), dtype).reshape(shape)

    def _operators(self, graph: Any, count: int) -> Iterator[Operator]:
        for n in range(_length(graph.OperatorsLength())):
            stored = graph.Operators(n)
            code = self._model.OperatorCodes(stored.OpcodeIndex())
            kind = _kinds("BuiltinOperator")[max(code.BuiltinCode(), code.DeprecatedBuiltinCode())]
            if kind == "CUSTOM":
                kind = (code.CustomCode() or b"CUSTOM").decode("utf-8", "replace")
            ends = [_indices(stored, name, count) for name in ("Inputs", "Outputs")]
            yield Operator(kind, ends[0], ends[1], _options(stored))


def _options(stored: Any) -> Any:
    """The options of an operator, opened as their own table."""
    union, kind = stored.BuiltinOptions(), _kinds("BuiltinOptions")[stored.BuiltinOptionsType()]
    if union is None or kind == "NONE":
        return None
    table = getattr(schema(), kind)()
    table.Init(union.Bytes, union.Pos)
    return table


def _indices(stored: Any, name: str, count: int) -> tuple[int, ...]:
    length = _length(getattr(stored, f"{name}Length")())
    values = [int(getattr(stored, name)(n)) for n in range(length)]
    if any(not -1 <= value < count for value in values):
        raise ValueError(f"{name.lower()} {values} of {count} tensors")
    return tuple(values)


def _length(claimed: int) -> int:
    """Of a list, as the file claims it: a damaged one would keep us counting for hours."""
    if claimed > _MOST:
        raise ValueError(f"a list of {claimed} numbers")
    return claimed


def _quantisation(stored: Any) -> Quantisation | None:
    table = stored.Quantization()
    if table is None or not table.ScaleLength():
        return None
    scales, zeros = _length(table.ScaleLength()), _length(table.ZeroPointLength())
    scale = np.array([table.Scale(n) for n in range(scales)], np.float32)
    zero = [int(table.ZeroPoint(n)) for n in range(zeros)] or [0] * len(scale)
    return Quantisation(scale, np.array(zero, np.int64), table.QuantizedDimension())


@cache
def _kinds(enumeration: str) -> Mapping[int, str]:
    """Names of one of the schema's enumerations, by number."""
    held = vars(getattr(schema(), enumeration)).items()
    return {value: name for name, value in held if isinstance(value, int)}
