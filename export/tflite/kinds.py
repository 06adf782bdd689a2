"""Operators that change the type of numbers, and the steps of quantised ones."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from onnx import helper

from edge.contract.errors import DatasetError
from export.tflite.builder import GraphBuilder, Value
from export.tflite.reader import Operator, Quantisation, stored_dtype
from export.tflite.spectrum import taken


def _cast(build: GraphBuilder, operator: Operator, inputs: Sequence[Value]) -> Value:
    """CAST; of a spectrum the real part."""
    wanted = stored_dtype(operator.option("OutDataType"))
    if inputs[0].dtype == np.complex64:
        return taken(build, inputs[0], np.real)
    return _converted(build, inputs[0], wanted)


def _real(build: GraphBuilder, operator: Operator, inputs: Sequence[Value]) -> Value:
    """QUANTIZE and DEQUANTIZE: values are real numbers here, whatever they are stored as."""
    return _converted(build, inputs[0], np.float32)


def _converted(build: GraphBuilder, value: Value, dtype: npt.DTypeLike) -> Value:
    value = build.computed(value)
    kind = helper.np_dtype_to_tensor_dtype(np.dtype(dtype))
    same = np.dtype(value.dtype) == dtype
    return value if same else build.emit("Cast", value.stored, to=kind).laid_like(value)


def rounded(build: GraphBuilder, value: Value, steps: Quantisation, dtype: npt.DTypeLike) -> Value:
    """Real numbers rounded to the steps that a quantised tensor can hold.

    Raises:
        DatasetError: the steps differ from channel to channel.
    """
    if len(steps.scale) != 1:
        raise DatasetError("a computed tensor is quantised channel by channel; that is not known")
    value = build.computed(value)
    ends = [build.constant(steps.scale[0]), build.constant(steps.zero_point[0].astype(dtype))]
    steps_of = build.emit("QuantizeLinear", value.stored, *ends)
    return build.emit("DequantizeLinear", steps_of, *ends).laid_like(value)


KINDS = {"CAST": _cast, "DEQUANTIZE": _real, "QUANTIZE": _real}
