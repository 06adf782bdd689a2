"""From a TFLite network to an ONNX graph of the same numbers."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx

from edge.contract.errors import DatasetError
from export.tflite.arrangement import ARRANGEMENT
from export.tflite.builder import GraphBuilder, Value
from export.tflite.elementwise import ELEMENTWISE
from export.tflite.kinds import KINDS, rounded
from export.tflite.layers import LAYERS
from export.tflite.reader import Network, Operator, Tensor, read_network
from export.tflite.spectrum import SPECTRUM

OPERATORS: dict[str, Callable[..., Value | list[Value]]] = {
    **ELEMENTWISE,
    **ARRANGEMENT,
    **KINDS,
    **LAYERS,
    **SPECTRUM,
}
INPUT, OUTPUT = "waveform", "logits"


def convert(path: Path, output: str | None = None) -> onnx.ModelProto:
    """Convert a file.

    Args:
        path: a TFLite network with one float32 input.
        output: name of the tensor that becomes the graph's output; None takes the network's own.

    Returns:
        A graph with input `waveform` and output `logits`, its batch dynamic.

    Raises:
        DatasetError: the file, an operator or a shape is not known.
        MissingPackageError: the package `tflite` is not installed.
    """
    network = read_network(path)
    try:
        return _Conversion(network).model(output)
    except DatasetError as error:
        raise DatasetError(f"{path}: {error}") from error
    except Exception as error:  # numbers of a damaged file reach numpy's and onnx's own checks
        reason = str(error).splitlines()[0][:80] if str(error) else type(error).__name__
        raise DatasetError(f"{path}: damaged, or not understood ({reason})") from error


class _Conversion:
    """One walk over a network's operators."""

    def __init__(self, network: Network) -> None:
        self._network, self._build = network, GraphBuilder()
        self._values: dict[int, Value] = {}

    def model(self, output: str | None) -> onnx.ModelProto:
        waveform = self._open()
        for number, operator in enumerate(self._network.operators):
            self._step(number, operator)
        found = self._build.channels_last(self._values[self._place(output)])
        return self._build.model(waveform, found, OUTPUT)

    def _open(self) -> Value:
        network = self._network
        if len(network.inputs) != 1 or network.tensors[network.inputs[0]].dtype != np.float32:
            found = [str(np.dtype(network.tensors[n].dtype)) for n in network.inputs]
            raise DatasetError(f"its inputs are {found}, expected one of float32")
        place = network.inputs[0]
        self._values[place] = self._build.input(INPUT, network.tensors[place].shape)
        return self._values[place]

    def _step(self, number: int, operator: Operator) -> None:
        try:
            inputs = [self._value(place) for place in operator.inputs if place >= 0]
            made = self._converter(operator)(self._build, operator, inputs)
        except DatasetError as error:
            raise DatasetError(f"operator {number}, {operator.kind}: {error}") from error
        outputs = made if isinstance(made, list) else [made]
        for place, value in zip(operator.outputs, outputs, strict=True):
            self._values[place] = self._rounded(value, self._network.tensors[place])

    def _converter(self, operator: Operator) -> Callable[..., Value | list[Value]]:
        if operator.kind not in OPERATORS:
            known = ", ".join(sorted(OPERATORS))
            raise DatasetError(f"this operator is not known; those that are: {known}")
        return OPERATORS[operator.kind]

    def _value(self, place: int) -> Value:
        """Value that an operator reads: computed before, or a constant."""
        if place not in self._values:
            tensor = self._network.tensors[place]
            if tensor.data is None:
                raise DatasetError(f"{tensor.name!r} is read before it is computed")
            stored, scale = tensor.data, tensor.quantisation
            real = stored if scale is None else scale.dequantised(stored)
            self._values[place] = self._build.constant(real)
        return self._values[place]

    def _rounded(self, value: Value, tensor: Tensor) -> Value:
        """As a quantised network keeps it: real numbers, rounded to its steps."""
        small = tensor.dtype in (np.int8, np.uint8)
        if not small or tensor.quantisation is None or value.constant is not None:
            return value
        return rounded(self._build, value, tensor.quantisation, tensor.dtype)

    def _place(self, name: str | None) -> int:
        """Place of the tensor that is asked for."""
        if name is None:
            return self._network.outputs[0]
        places = [n for n, tensor in enumerate(self._network.tensors) if tensor.name == name]
        if not places or places[0] not in self._values:
            raise DatasetError(f"no tensor {name!r} is computed in this network")
        return places[0]
