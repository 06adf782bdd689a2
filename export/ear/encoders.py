"""Encoders of an ear: its classifier as ONNX in every precision, compared with the original."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from tqdm import tqdm

from edge.contract.arrays import Float32s
from edge.contract.audio_spec import AudioSpec
from edge.contract.errors import DatasetError
from edge.contract.manifest import Manifest
from edge.source.recording import read_recording
from edge.source.resampling import resample
from export.ear.names import Names
from export.ear.tail import embed, read_graph
from export.fidelity import FidelityLimits, check, compare_graph
from export.half import to_half_weights
from export.int8 import to_int8
from export.metadata import with_metadata
from export.recordings import LabelledRecording, windows_of
from export.tflite.converter import convert
from export.tflite.reader import read_network
from train.ears.labels import Label
from train.ears.network import EarNetwork
from train.ears.recipe import Recipe

_CHORUS = Path(__file__).parents[2] / "edge" / "bundles" / "aviary" / "chorus.flac"
_LIMITS = {
    "fp32": FidelityLimits(0.9999, 0.99999),
    "fp16": FidelityLimits(0.9999, 0.9999),
    "int8": FidelityLimits(0.98, 0.999),
}
"""A constant or a pure tone leaves most of a spectrum to rounding, which a network may blow up: two
right implementations differ there by more than two of our own do."""


@dataclass(frozen=True)
class Classifier:
    """A ready classifier with its labels."""

    file: Path
    labels: tuple[Label, ...]
    recipe: Recipe


def open_graph(classifier: Classifier) -> onnx.ModelProto:
    """The classifier as ONNX: waveform in, a number a label out.

    Raises:
        DatasetError: it can't be converted, or its numbers are not as many as the labels.
    """
    recipe, file = classifier.recipe, classifier.file
    if file.suffix == ".tflite":
        graph = convert(file, recipe.logits or None)
    else:
        graph = read_graph(_bytes(file), str(file), recipe.logits)
    shape = graph.graph.input[0].type.tensor_type.shape.dim
    if len(shape) != 2:
        raise DatasetError(
            f"{file}: its input has {len(shape)} dimensions, not those of a waveform"
        )
    dim = shape[1]
    if not dim.HasField("dim_value"):
        dim.dim_value = recipe.window_samples  # hears any length: it is to hear this one
    window = dim.dim_value
    if window != recipe.window_samples:
        raise DatasetError(
            f"{file}: hears {window} samples, expected {recipe.window_samples} as the recipe has it"
        )
    dims = graph.graph.output[0].type.tensor_type.shape.dim
    if len(dims) != 2 or dims[1].dim_value != len(classifier.labels):
        found = [dim.dim_value or "batch" for dim in dims]
        raise DatasetError(
            f"{file}: gives {found}, the labels are {len(classifier.labels)}; they belong to "
            "another network"
        )
    return graph


def input_shape(file: Path) -> list[int]:
    """Shape of a classifier's input; 0 where it isn't fixed."""
    if file.suffix == ".tflite":
        network = read_network(file)
        return [*network.tensors[network.inputs[0]].shape]
    graph = read_graph(_bytes(file), str(file)).graph
    return [dim.dim_value for dim in graph.input[0].type.tensor_type.shape.dim]


def _bytes(file: Path) -> bytes:
    try:
        return file.read_bytes()
    except OSError as error:
        raise DatasetError(f"{file}: not readable ({error.strerror})") from error


def make_encoders(
    graph: onnx.ModelProto,
    classifier: Classifier,
    names: Names,
    manifest: Manifest,
    precisions: Sequence[str],
) -> tuple[dict[str, bytes], dict[str, Any]]:
    """Every precision, compared with the classifier as it was published."""
    recipe = classifier.recipe
    network = EarNetwork(recipe, classifier.file)
    recorded = _recorded(manifest.audio)

    def reference(windows: Float32s) -> Float32s:
        found = embed(network.logits(windows), names, recipe.activation, recipe.none)
        return found.astype(np.float32)

    encoders, parity = {}, {}
    for precision in tqdm(precisions, "precisions", disable=None):
        method, variant = _variant(graph, precision)
        content = with_metadata(variant, manifest, precision, method)
        found = compare_graph(reference, content, recorded)
        check(found, precision, _LIMITS[precision])
        encoders[f"encoder.{precision}"] = content
        parity[precision] = {"made_by": method, **found.summary(_LIMITS[precision])}
    return encoders, parity


def _variant(graph: onnx.ModelProto, precision: str) -> tuple[str, onnx.ModelProto]:
    if precision == "fp16":
        return "weights", to_half_weights(graph)
    return ("weights", to_int8(graph, "weights")) if precision == "int8" else ("export", graph)


def _recorded(spec: AudioSpec) -> Float32s | None:
    """Windows of the demo's chorus, which every checkout has."""
    if not _CHORUS.is_file():
        return None
    waveform = resample(*read_recording(_CHORUS), spec.sample_rate_hz)
    return windows_of(LabelledRecording(waveform, frozenset()), spec)
