"""An ear run as it was published: TensorFlow Lite or onnxruntime, on the processor.

The reference that a converted graph is compared with, and the teacher whose embedding a student
imitates. It is never shipped.
"""

import warnings
from collections.abc import Callable, Container
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from edge.contract.arrays import Array, Float16s, Float32s
from edge.contract.audio import Waveform, repeat_pad
from edge.contract.errors import DatasetError, MissingPackageError
from edge.recognition.runtime import RuntimeOptions, open_session
from edge.source.resampling import resample
from train.ears.recipe import Recipe, Spectrogram, check_file

LOGITS, EMBEDDING = "logits", "embedding"
Run = Callable[[Float32s, tuple[str, ...]], list[Float32s]]
"""A window and the kinds of tensor that are wanted of it."""


class EarOutputs(NamedTuple):
    """Outputs of a network for some windows."""

    embeddings: Float16s
    """float16[windows, dim]."""
    logits: Float16s
    """float16[windows, labels]."""


class EarMaps(NamedTuple):
    """Outputs of a network for a window, and what lies between its layers."""

    embedding: Float16s
    """float16[dim]."""
    logits: Float16s
    """float16[labels]."""
    maps: list[Float16s]
    """float16[channels, frames, bins] each, from below."""


class EarNetwork:
    """A ready classifier.

    Args:
        recipe: what is known of it.
        file: TFLite or ONNX.

    Raises:
        DatasetError: the file is no such network, or lacks a tensor that the recipe names.
        MissingPackageError: TensorFlow Lite is not installed.
    """

    def __init__(self, recipe: Recipe, file: Path) -> None:
        if not file.is_file():
            raise DatasetError(f"{file}: no such file; bring it: ./scripts/ear {recipe.name}")
        check_file(file, recipe.model)
        self.recipe = recipe
        open_ = _open_tflite if file.suffix == ".tflite" else _open_onnx
        self._run: Run = open_(recipe, file)

    def logits(self, windows: Float32s) -> Float32s:
        """float32[batch, samples] -> float32[batch, labels]."""
        return np.concatenate([self._run(self._fed(window), (LOGITS,))[0] for window in windows])

    def outputs(self, waveform: Waveform, rate_hz: int, step_s: float) -> EarOutputs:
        """Embedding and logits of a window every step, from one pass."""
        recipe = self.recipe
        whole = repeat_pad(resample(waveform, rate_hz, recipe.rate_hz), recipe.window_samples)
        last = len(whole) - recipe.window_samples
        starts = range(0, last + 1, round(step_s * recipe.rate_hz))
        chunks = (whole[start : start + recipe.window_samples] for start in starts)
        rows = [self._run(self._fed(chunk), (EMBEDDING, LOGITS)) for chunk in chunks]
        found = (np.concatenate(column).astype(np.float16) for column in zip(*rows, strict=True))
        return EarOutputs(*found)

    def maps(self, window: Waveform) -> EarMaps:
        """Outputs and maps of a window, from one pass.

        Raises:
            DatasetError: the recipe names no maps.
        """
        if not self.recipe.maps:
            raise DatasetError(f"{self.recipe.name}: the recipe names no maps")
        kinds = (EMBEDDING, LOGITS, *map(_map, range(len(self.recipe.maps))))
        embedding, logits, *maps = (
            values[0].astype(np.float16) for values in self._run(self._fed(window), kinds)
        )
        return EarMaps(embedding, logits, [values.transpose(2, 1, 0) for values in maps])

    def _fed(self, chunk: Waveform) -> Float32s:
        spec = self.recipe.spectrogram
        return chunk[None] if spec is None else spectrogram(chunk, spec)[None, :, :, None]


def spectrogram(chunk: Waveform, spec: Spectrogram) -> Float32s:
    """Magnitudes from 0 to 1, float32[fft_samples // 2 + 1, frames]."""
    fft = spec.fft_samples
    padded = np.pad(chunk, fft // 2)
    frames = np.lib.stride_tricks.sliding_window_view(padded, fft)[:: spec.hop_samples]
    window = np.hanning(fft + 1)[:-1].astype(np.float32)
    magnitude = np.abs(np.fft.rfft(frames[: spec.frames] * window, axis=1)).T
    low, high = magnitude.min(), magnitude.max()
    return np.asarray((magnitude - low) / (high - low + 1e-10), np.float32)


def _open_tflite(recipe: Recipe, file: Path) -> Run:
    interpreter = _interpreter(file)
    details = {detail["name"]: detail for detail in interpreter.get_tensor_details()}
    source = interpreter.get_input_details()[0]["index"]
    named = {LOGITS: recipe.logits, EMBEDDING: recipe.embedding, **_maps(recipe)}
    for kind, name in named.items():
        if name and name not in details:
            raise DatasetError(f"{file}: has no tensor {name!r}, which the recipe calls {kind}")
    places = {kind: details[name] for kind, name in named.items() if name}
    places.setdefault(LOGITS, interpreter.get_output_details()[0])

    def run(fed: Float32s, kinds: tuple[str, ...]) -> list[Float32s]:
        _check_named(recipe, kinds, places)
        interpreter.set_tensor(source, fed)
        interpreter.invoke()
        wanted = (places[kind] for kind in kinds)
        return [
            _real(interpreter.get_tensor(place["index"]), place["quantization"]) for place in wanted
        ]

    return run


def _maps(recipe: Recipe) -> dict[str, str]:
    return {_map(number): name for number, name in enumerate(recipe.maps)}


def _map(number: int) -> str:
    """The kind of a map's tensor."""
    return f"map {number}"


def _check_named(recipe: Recipe, kinds: tuple[str, ...], named: Container[str]) -> None:
    unnamed = [kind for kind in kinds if kind not in named]
    if unnamed:
        raise DatasetError(f"{recipe.name}: the recipe names no {unnamed[0]}")


def _real(stored: Array, steps: tuple[float, int]) -> Float32s:
    """The numbers that a quantised tensor stands for."""
    scale, zero = steps
    return np.asarray((stored.astype(np.float32) - zero) * scale if scale else stored, np.float32)


def _interpreter(file: Path) -> Any:
    try:
        from ai_edge_litert.interpreter import Interpreter
    except ImportError as error:
        raise MissingPackageError("this ear needs: pip install ai-edge-litert") from error
    with warnings.catch_warnings():
        # The embedding is an inner tensor, which is what this "debugging" option is for.
        warnings.filterwarnings("ignore", "Warning: Enabling `experimental_preserve_all_tensors`")
        try:
            made = Interpreter(str(file), experimental_preserve_all_tensors=True)
            made.allocate_tensors()
        except (ValueError, RuntimeError) as error:
            reason = str(error).splitlines()[0]
            raise DatasetError(f"{file}: not a TFLite network ({reason})") from error
    return made


def _open_onnx(recipe: Recipe, file: Path) -> Run:
    session = open_session(file.read_bytes(), RuntimeOptions("cpu", threads=0))
    source = session.get_inputs()[0].name
    outputs = [output.name for output in session.get_outputs()]
    names = {LOGITS: recipe.logits or outputs[0]}
    if recipe.embedding:
        names[EMBEDDING] = recipe.embedding
    names |= _maps(recipe)
    missing = [name for name in names.values() if name not in outputs]
    if missing:
        raise DatasetError(f"{file}: has no output {missing[0]!r}; it has {', '.join(outputs)}")

    def run(fed: Float32s, kinds: tuple[str, ...]) -> list[Float32s]:
        _check_named(recipe, kinds, names)
        found: list[Float32s] = session.run([names[kind] for kind in kinds], {source: fed})
        return found

    return run
