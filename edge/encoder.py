"""Waveform windows to unit embeddings; the only module that touches onnxruntime."""

import logging
import os
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from edge.contract.bundle import Bundle
from edge.contract.errors import BirdlistenError, BundleError, MissingPackageError

_LOG = logging.getLogger(__name__)
_EXTERNAL_FOLDER = "session.model_external_initializers_file_folder_path"
PROVIDERS = {
    "cpu": ["CPUExecutionProvider"],
    "cuda": ["CUDAExecutionProvider", "CPUExecutionProvider"],
    "tensorrt": [
        "TensorrtExecutionProvider",
        "CUDAExecutionProvider",
        "CPUExecutionProvider",
    ],
}
_PREFERENCE = {"cpu": ("fp32", "int8", "fp16"), "gpu": ("fp16", "fp32", "int8")}


class Encoder:
    """An ONNX graph that hears: float32[batch, window] -> float32[batch, dim], unit rows.

    Raises:
        BundleError: the graph doesn't load, or isn't the one the manifest describes.
        BirdlistenError: the provider that was asked for can't be had.
        MissingPackageError: no onnxruntime is installed.
    """

    def __init__(self, graph: bytes, provider: str = "auto", threads: int = 0) -> None:
        self._session = _open_session(graph, provider, threads)
        self.provider = str(self._session.get_providers()[0])
        self.metadata: dict[str, str] = self._session.get_modelmeta().custom_metadata_map
        self.window_samples = _window_samples(self._session)
        # One window at load: a graph that can't run must fail now, not at the first bird.
        try:
            silence = self.encode(np.zeros((1, self.window_samples), np.float32))
        except Exception as error:  # onnxruntime's own error classes share no base
            raise BundleError(f"the encoder doesn't run: {str(error).splitlines()[0]}") from error
        if silence.ndim != 2:
            raise BundleError(f"the encoder's output has shape {list(silence.shape)}, not rows")
        self.embedding_dim = silence.shape[1]

    def encode(self, windows: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
        """Embed windows, float32[batch, window_samples] -> float32[batch, dim]."""
        result: npt.NDArray[np.float32] = self._session.run(None, {"waveform": windows})[0]
        return result


def open_encoder(bundle: Bundle, precision: str = "auto", provider: str = "auto") -> Encoder:
    """Open a bundle's encoder and check it against the manifest.

    Raises:
        BundleError: the precision isn't shipped, or graph and manifest disagree.
    """
    encoder = Encoder(bundle.encoder_bytes(choose_precision(bundle, precision, provider)), provider)
    manifest = bundle.manifest
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
    return encoder


def choose_precision(bundle: Bundle, precision: str, provider: str) -> str:
    """Resolve `auto`: FP32 on a CPU, FP16 where a GPU provider is compiled in and wanted."""
    if precision != "auto":
        return precision
    shipped = bundle.manifest.precisions
    if not shipped:
        raise BundleError(f"{bundle.path}: holds no encoder; export one: python -m export.onnx")
    gpu = provider in ("cuda", "tensorrt")
    return next(one for one in _PREFERENCE["gpu" if gpu else "cpu"] if one in shipped)


def _open_session(graph: bytes, provider: str, threads: int) -> Any:
    runtime = _runtime()
    options = runtime.SessionOptions()
    options.enable_cpu_mem_arena = False
    options.intra_op_num_threads = threads
    options.log_severity_level = 3
    # No weights outside the graph: the folder they would come from has none.
    options.add_session_config_entry(_EXTERNAL_FOLDER, os.devnull)
    wanted = _wanted(provider, runtime.get_available_providers())
    try:
        session = runtime.InferenceSession(graph, options, providers=wanted)
    except Exception as error:  # onnxruntime's own error classes share no base
        raise BundleError(f"the encoder doesn't load: {str(error).splitlines()[0]}") from error
    _check_provider(provider, wanted, session.get_providers())
    return session


def _window_samples(session: Any) -> int:
    inputs = [(one.name, one.shape) for one in session.get_inputs()]
    if len(inputs) != 1 or inputs[0][0] != "waveform" or len(inputs[0][1]) != 2:
        raise BundleError(f"the encoder must have one input waveform[batch, samples], not {inputs}")
    samples = inputs[0][1][1]
    if not isinstance(samples, int):
        raise BundleError(f"the encoder's window must be fixed, found {samples!r}")
    return samples


def _runtime() -> Any:
    try:
        import onnxruntime
    except ImportError as error:
        raise MissingPackageError(
            "onnxruntime is not installed: pip install onnxruntime (or onnxruntime-gpu with an "
            "NVIDIA card; never both, they overwrite each other)"
        ) from error
    return onnxruntime


def _wanted(provider: str, available: Sequence[str]) -> list[str]:
    if provider != "auto":
        return PROVIDERS[provider]
    return [one for one in PROVIDERS["cuda"] if one in available]


def _check_provider(provider: str, wanted: list[str], got: list[str]) -> None:
    if provider != "auto" and got[0] != wanted[0]:
        raise BirdlistenError(
            f"--provider {provider}: {wanted[0]} could not be had, onnxruntime fell back to "
            f"{got[0]}; pip install onnxruntime-gpu in place of onnxruntime, or use --provider auto"
        )
    _LOG.info("encoder runs on %s", got[0])
