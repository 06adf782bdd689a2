"""INT8, in three ways; which one is better is measured (export/performance.md).

dynamic: weights as int8, inputs quantised anew for every window; products of integers. A
transformer's way: its convolution of patches stays FP32. weights: weights as int8, unpacked at
load; FP32 arithmetic. A small CNN's way, whose activations lose too much. static: ranges of
activations, measured on recordings, are part of the graph (QDQ); what TensorRT wants.

The front end is left alone: a quantised mel filterbank drops quiet bins to the floor.
"""

import logging
import tempfile
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import onnx

from edge.contract.arrays import Float32s
from edge.contract.errors import ConfigError
from export.packing import Weights, pack
from export.scopes import frontend_nodes
from export.signals import signals

_CALIBRATION = 64
"""Windows."""
_SMALL, _SMALL_LINEAR = 20_000, 150_000
"""Layers with fewer weights stay halves."""


def to_int8(
    model: onnx.ModelProto, method: str, windows: Float32s | None = None
) -> onnx.ModelProto:
    """A quantised copy.

    Args:
        model: FP32.
        method: one of `export.methods.METHODS`.
        windows: float32[n, samples] of recordings; only `static` hears them.

    Raises:
        ConfigError: `static` without recordings.
    """
    if method == "weights":
        return to_int8_weights(model, frontend_nodes(model))
    if method == "static" and windows is None:
        raise ConfigError("--int8 static: needs recordings to calibrate on; see --recordings")
    with tempfile.TemporaryDirectory() as folder:
        source, target = Path(folder) / "fp32.onnx", Path(folder) / "int8.onnx"
        plain = onnx.ModelProto()
        plain.CopyFrom(model)
        del plain.graph.value_info[:]  # it names shapes that quantising changes
        onnx.save(plain, source)
        quantise = _dynamic if method == "dynamic" else _static
        with _silently():
            quantise(source, target, windows, frontend_nodes(model))
        return onnx.load(target)


def to_int8_weights(model: onnx.ModelProto, spared: Collection[str]) -> onnx.ModelProto:
    """A copy whose weights are stored as int8; those of the spared nodes stay as they are."""
    return pack(model, _rounded, spared)


@contextmanager
def _silently() -> Iterator[None]:
    """The quantiser recommends, on the root logger, a preparation that changes nothing here."""
    logging.disable(logging.WARNING)
    try:
        yield
    finally:
        logging.disable(logging.NOTSET)


def _dynamic(source: Path, target: Path, windows: Float32s | None, spared: list[str]) -> None:
    from onnxruntime.quantization import QuantType, quantize_dynamic

    quantize_dynamic(
        source,
        target,
        op_types_to_quantize=["MatMul", "Gemm"],
        per_channel=True,
        reduce_range=True,  # 7 bits: pairs of products saturate at 16 bits on x86 without VNNI
        weight_type=QuantType.QInt8,
        nodes_to_exclude=spared,
    )


def _static(source: Path, target: Path, windows: Float32s | None, spared: list[str]) -> None:
    from onnxruntime.quantization import QuantFormat, QuantType, quantize_static

    quantize_static(
        source,
        target,
        _reader(windows if windows is not None else np.empty((0, 0), np.float32)),
        quant_format=QuantFormat.QDQ,
        op_types_to_quantize=["Conv", "MatMul", "Gemm"],
        per_channel=True,
        weight_type=QuantType.QInt8,
        activation_type=QuantType.QInt8,
        nodes_to_exclude=spared,
    )


def _reader(windows: Float32s) -> Any:
    """Recordings, and the signals that break front ends: ranges must hold both."""
    from onnxruntime.quantization import CalibrationDataReader

    some = windows[:: -(-len(windows) // _CALIBRATION) or 1]
    samples = [*some, *signals(windows.shape[1]).values()]

    class Reader(CalibrationDataReader):  # type: ignore[misc]
        def __init__(self) -> None:
            self._left: Iterator[Float32s] = iter(samples)

        def get_next(self) -> dict[str, Float32s] | None:
            window = next(self._left, None)
            return None if window is None else {"waveform": window[None]}

    return Reader()


def _rounded(weights: Weights, axis: int) -> tuple[Weights, Float32s | None]:
    """int8 weights and their scale, one an output channel; halves where little would be saved.

    A CNN's small layers and its linear ones cost a tenth of the file and four fifths of the error.
    """
    if weights.size < (_SMALL_LINEAR if weights.ndim == 2 else _SMALL):
        return weights.astype(np.float16), None
    others = tuple(dim for dim in range(weights.ndim) if dim != axis)
    scale = np.abs(weights).max(axis=others, keepdims=True) / np.float32(127)
    scale = np.where(scale > 0, scale, np.float32(1)).astype(np.float32)
    return np.round(weights / scale).astype(np.int8), scale
