"""Waveform windows to unit embeddings."""

from typing import Any
from weakref import WeakValueDictionary

import numpy as np

from edge.contract.arrays import Float32s
from edge.contract.bundle import Bundle
from edge.contract.errors import BundleError
from edge.contract.manifest import FEATURES
from edge.recognition.runtime import RuntimeOptions, open_session

BATCH = 2
"""Windows of a recording that are encoded at once; four overflow a processor's cache."""
_PREFERENCE = {"cpu": ("fp32", "int8", "fp16"), "gpu": ("fp16", "fp32", "int8")}


class Encoder:
    """An ONNX graph that hears: float32[batch, window] -> float32[batch, dim], unit rows.

    Args:
        graph: the file.
        runtime: how it is run.
        features: name of a tensor in it that is wanted, too.

    Raises:
        BundleError: the graph doesn't load, or isn't the one the manifest describes.
        BirdlistenError: the provider that was asked for can't be had.
        MissingPackageError: no onnxruntime is installed.
    """

    def __init__(
        self, graph: bytes, runtime: RuntimeOptions | None = None, features: str | None = None
    ) -> None:
        whole = graph if features is None else graph + _wanted(features)
        self._session = open_session(whole, runtime or RuntimeOptions())
        self.provider = str(self._session.get_providers()[0])
        self.metadata: dict[str, str] = self._session.get_modelmeta().custom_metadata_map
        self.window_samples = _window_samples(self._session)
        # One window at load: a graph that can't run must fail now, not at the first bird.
        try:
            silence, told = self.hear(np.zeros((1, self.window_samples), np.float32))
        except Exception as error:  # onnxruntime's own error classes share no base
            raise BundleError(f"the encoder doesn't run: {str(error).splitlines()[0]}") from error
        if silence.ndim != 2:
            raise BundleError(f"the encoder's output has shape {list(silence.shape)}, not rows")
        if told is not None and told.ndim != 2:
            raise BundleError(f"the encoder's {features} has shape {list(told.shape)}, not rows")
        self.embedding_dim = silence.shape[1]
        self.silence: Float32s = silence[0]
        """float32[dim], the embedding of a mute window."""
        self.feature_width = None if told is None else told.shape[1]
        """Of the features that were asked for."""

    def encode(self, windows: Float32s) -> Float32s:
        """Embed windows, float32[batch, window_samples] -> float32[batch, dim]."""
        return self.hear(windows)[0]

    def hear(self, windows: Float32s) -> tuple[Float32s, Float32s | None]:
        """Embed windows, and tell the features that were asked for.

        Args:
            windows: float32[batch, window_samples].

        Returns:
            float32[batch, dim], and float32[batch, width] or None.
        """
        embedding, *others = self._session.run(None, {"waveform": windows})
        return embedding, others[-1].astype(np.float32) if others else None


_IN_USE: WeakValueDictionary[tuple[str, RuntimeOptions, str | None], Encoder] = (
    WeakValueDictionary()
)
"""By hash of the graph, manner, and tensor that is wanted, too."""


def open_encoder(
    bundle: Bundle, precision: str = "auto", runtime: RuntimeOptions | None = None
) -> Encoder:
    """Open a bundle's encoder and check it against the manifest.

    One that is in use in the same manner is taken again: a bundle whose gallery alone has changed
    needs no second session, which holds all threads up while it is made.

    Raises:
        BundleError: the precision isn't shipped, or graph and manifest disagree.
    """
    runtime = runtime or RuntimeOptions()
    chosen = choose_precision(bundle, precision, runtime.provider)
    manifest = bundle.manifest
    features = None if manifest.features is None else manifest.features.tensor
    graph = bundle.encoder_bytes(chosen)
    key = (manifest.roles[f"encoder.{chosen}"].sha256, runtime, features)
    encoder = _IN_USE.get(key) or Encoder(graph, runtime, features)
    _IN_USE[key] = encoder
    expected = {
        "model_id": manifest.model_id,
        "space_id": manifest.space_id,
        "sample_rate_hz": str(manifest.audio.sample_rate_hz),
        "window_samples": str(manifest.audio.window_samples),
        "embedding_dim": str(manifest.embedding_dim),
    }
    for name, value in expected.items():
        if encoder.metadata.get(name) != value:
            raise BundleError(
                f"{bundle.path}: the encoder's {name} is {encoder.metadata.get(name)!r}, "
                f"the manifest says {value!r}; export again: python -m export.onnx"
            )
    measured = (encoder.window_samples, encoder.embedding_dim)
    if measured != (manifest.audio.window_samples, manifest.embedding_dim):
        raise BundleError(
            f"{bundle.path}: the encoder maps {measured[0]} samples to {measured[1]} numbers, the "
            f"manifest says {manifest.audio.window_samples} and {manifest.embedding_dim}; "
            "export again: python -m export.onnx"
        )
    axes = bundle.features()
    if axes is not None and axes.shape[1] != encoder.feature_width:
        raise BundleError(
            f"{bundle.path}: the axes in {FEATURES} are for {axes.shape[1]} numbers, the encoder's "
            f"{features} has {encoder.feature_width}; lay them again: python -m gallery.likeness"
        )
    return encoder


def choose_precision(bundle: Bundle, precision: str, provider: str) -> str:
    """Resolve `auto`: FP16 where a GPU is asked for, FP32 elsewhere."""
    if precision != "auto":
        return precision
    shipped = bundle.manifest.precisions
    if not shipped:
        raise BundleError(f"{bundle.path}: holds no encoder; export one: python -m export.onnx")
    gpu = provider in ("cuda", "tensorrt")
    return next(
        precision for precision in _PREFERENCE["gpu" if gpu else "cpu"] if precision in shipped
    )


def _wanted(tensor: str) -> bytes:
    """Bytes that make a tensor of a graph one of its outputs, appended to its file.

    In Protocol Buffers a message that follows another is merged into it (the encoding's "last one
    wins" section): ModelProto.graph is field 7, GraphProto.output 12, ValueInfoProto.name 1.
    """
    return _field(7, _field(12, _field(1, tensor.encode())))


def _field(number: int, content: bytes) -> bytes:
    """A length-delimited field of less than 16 KiB."""
    high, low = divmod(len(content), 128)
    length = bytes([low | 128, high]) if high else bytes([low])
    return bytes([number << 3 | 2]) + length + content


def _window_samples(session: Any) -> int:
    inputs = [(node.name, node.shape) for node in session.get_inputs()]
    if len(inputs) != 1 or inputs[0][0] != "waveform" or len(inputs[0][1]) != 2:
        raise BundleError(f"the encoder must have one input waveform[batch, samples], not {inputs}")
    samples = inputs[0][1][1]
    if not isinstance(samples, int):
        raise BundleError(f"the encoder's window must be fixed, found {samples!r}")
    return samples
