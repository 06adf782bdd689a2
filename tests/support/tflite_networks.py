"""TFLite files of a few operators, written with the schema itself: nobody needs TensorFlow."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import flatbuffers
import numpy as np
from ai_edge_litert import schema_py_generated as schema
from ai_edge_litert.interpreter import Interpreter

TYPES = {
    np.dtype(np.float32): schema.TensorType.FLOAT32,
    np.dtype(np.float16): schema.TensorType.FLOAT16,
    np.dtype(np.int8): schema.TensorType.INT8,
    np.dtype(np.int32): schema.TensorType.INT32,
    np.dtype(np.int64): schema.TensorType.INT64,
    np.dtype(np.complex64): schema.TensorType.COMPLEX64,
}


@dataclass
class Network:
    """A network under construction; tensors are numbered as they are added."""

    tensors: list[Any] = field(default_factory=list)
    buffers: list[Any] = field(default_factory=lambda: [schema.BufferT()])
    operators: list[Any] = field(default_factory=list)
    codes: list[Any] = field(default_factory=list)

    def tensor(
        self,
        shape: Sequence[int],
        dtype: Any = np.float32,
        scale: tuple[float, int] | None = None,
        name: str = "",
    ) -> int:
        """A value that is computed, or fed."""
        made = schema.TensorT()
        made.shape, made.type = list(shape), TYPES[np.dtype(dtype)]
        made.name = (name or f"t{len(self.tensors)}").encode()
        made.buffer = 0
        if scale is not None:
            made.quantization = schema.QuantizationParametersT()
            made.quantization.scale, made.quantization.zeroPoint = [scale[0]], [scale[1]]
        self.tensors.append(made)
        return len(self.tensors) - 1

    def constant(self, values: Any, scale: tuple[float, int] | None = None) -> int:
        """A value that the file holds."""
        held = np.asarray(values, order="C")
        place = self.tensor(held.shape, held.dtype, scale)
        buffer = schema.BufferT()
        buffer.data = np.frombuffer(held.tobytes(), np.uint8)
        self.buffers.append(buffer)
        self.tensors[place].buffer = len(self.buffers) - 1
        return place

    def add(self, kind: str, inputs: Sequence[int], outputs: Sequence[int], **options: Any) -> None:
        """An operator; `options` has the name of its table as `table`."""
        code = schema.OperatorCodeT()
        code.builtinCode = getattr(schema.BuiltinOperator, kind)
        code.deprecatedBuiltinCode, code.version = (
            min(code.builtinCode, 127),
            options.pop("version", 1),
        )
        self.codes.append(code)
        made = schema.OperatorT()
        made.opcodeIndex = len(self.codes) - 1
        made.inputs, made.outputs = list(inputs), list(outputs)
        table = options.pop("table", None)
        if table is not None:
            made.builtinOptions = getattr(schema, f"{table}T")()
            made.builtinOptionsType = getattr(schema.BuiltinOptions, table)
            for name, value in options.items():
                setattr(made.builtinOptions, name, value)
        self.operators.append(made)

    def write(self, path: Path, inputs: Sequence[int], outputs: Sequence[int]) -> Path:
        """The file."""
        graph = schema.SubGraphT()
        graph.tensors, graph.operators = self.tensors, self.operators
        graph.inputs, graph.outputs = list(inputs), list(outputs)
        model = schema.ModelT()
        model.version, model.subgraphs = 3, [graph]
        model.buffers, model.operatorCodes = self.buffers, self.codes
        builder = flatbuffers.Builder(1024)
        builder.Finish(model.Pack(builder), b"TFL3")
        path.write_bytes(builder.Output())
        return path


def run(path: Path, fed: np.ndarray) -> np.ndarray:
    """What TensorFlow Lite makes of one batch."""
    interpreter = Interpreter(str(path))
    place = interpreter.get_input_details()[0]["index"]
    interpreter.resize_tensor_input(place, fed.shape)
    interpreter.allocate_tensors()
    interpreter.set_tensor(place, fed)
    interpreter.invoke()
    return interpreter.get_tensor(interpreter.get_output_details()[0]["index"])


def classifier(path: Path, labels: int = 4, window: int = 4800, sigmoid: bool = False) -> Path:
    """A classifier of waveforms: the real spectrum of frames, a filterbank, a convolution."""
    random, net = np.random.default_rng(0), Network()
    frames = window // 240
    wave = net.tensor((1, window), name="INPUT")
    pieces = net.tensor((1, frames, 240))
    net.add("RESHAPE", [wave, net.constant(np.array([-1, frames, 240], np.int32))], [pieces])
    line = net.tensor((1, frames, 1, 240))
    net.add("EXPAND_DIMS", [pieces, net.constant(np.array(2, np.int32))], [line])
    spectrum = net.tensor((1, frames, 1, 129), np.complex64)
    net.add("RFFT2D", [line, net.constant(np.array([1, 256], np.int32))], [spectrum],
            table="Rfft2dOptions")  # fmt: skip
    real = net.tensor((1, frames, 1, 129))
    net.add("CAST", [spectrum], [real], table="CastOptions",
            inDataType=TYPES[np.dtype(np.complex64)], outDataType=0)  # fmt: skip
    mel = net.tensor((1, frames, 1, 8))
    filters = net.constant(random.random((8, 129)).astype(np.float32))
    net.add("FULLY_CONNECTED", [real, filters, -1], [mel], table="FullyConnectedOptions",
            keepNumDims=True, version=5)  # fmt: skip
    power = net.tensor((1, frames, 1, 8))
    net.add("MUL", [mel, mel], [power], table="MulOptions")
    convolved = net.tensor((1, frames, 1, 6))
    kernels = net.constant(random.normal(0, 0.1, (6, 3, 1, 8)).astype(np.float32))
    bias = net.constant(np.zeros(6, np.float32))
    net.add("CONV_2D", [power, kernels, bias], [convolved], table="Conv2DOptions", strideH=1,
            strideW=1, padding=0, fusedActivationFunction=1)  # fmt: skip
    mean = net.tensor((1, 6), name="pooled")
    net.add("MEAN", [convolved, net.constant(np.array([1, 2], np.int32))], [mean],
            table="ReducerOptions")  # fmt: skip
    logits = net.tensor((1, labels))
    weights = net.constant(random.normal(0, 1, (labels, 6)).astype(np.float32))
    net.add("FULLY_CONNECTED", [mean, weights, net.constant(np.zeros(labels, np.float32))],
            [logits], table="FullyConnectedOptions")  # fmt: skip
    if sigmoid:
        chances = net.tensor((1, labels))
        net.add("LOGISTIC", [logits], [chances])
        logits = chances
    return net.write(path, [wave], [logits])
