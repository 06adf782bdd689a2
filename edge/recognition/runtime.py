"""Inference sessions; the only module that touches onnxruntime."""

import logging
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from edge.contract.errors import BirdlistenError, BundleError, MissingPackageError

_LOG = logging.getLogger(__name__)
_EXTERNAL_FOLDER = "session.model_external_initializers_file_folder_path"
_SPINNING = "session.intra_op.allow_spinning"
CPU, CUDA, TENSORRT = (f"{name}ExecutionProvider" for name in ("CPU", "CUDA", "Tensorrt"))
PROVIDERS = {"cpu": [CPU], "cuda": [CUDA, CPU], "tensorrt": [TENSORRT, CUDA, CPU]}


@dataclass(frozen=True)
class RuntimeOptions:
    """Options of an encoder's session. The defaults cost least power (export/performance.md)."""

    provider: str = "auto"
    """`auto` takes CUDA where it can be had, and says what it got."""
    threads: int = 1
    """0 takes one a core: sooner done, for more time of the processor in all."""
    engines: Path | None = None
    """Where TensorRT keeps what it has compiled, which takes minutes; None compiles every time."""
    optimised: bool = True
    """Off: the graph as it is written, operation by operation."""


def open_session(graph: bytes, runtime: RuntimeOptions, role: str = "the encoder") -> Any:
    """Load a graph.

    Args:
        graph: ONNX.
        runtime: how it is run.
        role: what the graph is, for the error.

    Returns:
        onnxruntime's InferenceSession.

    Raises:
        BundleError: the graph doesn't load.
        BirdlistenError: the provider that was asked for can't be had.
        MissingPackageError: no onnxruntime is installed.
    """
    ort = _runtime()
    available = ort.get_available_providers()
    asked = PROVIDERS["cuda" if runtime.provider == "auto" else runtime.provider]
    _check_provider(runtime.provider, available)
    wanted = [provider for provider in asked if provider in available]
    options = [_options(provider, runtime.engines) for provider in wanted]
    try:
        session = ort.InferenceSession(
            graph, _session_options(ort, runtime), providers=wanted, provider_options=options
        )
    except Exception as error:  # onnxruntime's own error classes share no base
        raise BundleError(
            f"{role} doesn't load: {str(error).splitlines()[0]}; expected an ONNX graph that "
            f"onnxruntime {ort.__version__} runs: update it, or get or export the bundle again"
        ) from error
    _check_provider(runtime.provider, session.get_providers())
    _LOG.debug("%s runs on %s", role, session.get_providers()[0])
    return session


def runtime_version() -> str:
    """Of onnxruntime."""
    return str(_runtime().__version__)


def _session_options(ort: Any, runtime: RuntimeOptions) -> Any:
    options = ort.SessionOptions()
    options.intra_op_num_threads = runtime.threads
    options.log_severity_level = 3
    # A pattern is one more block as large as all activations, beside those of the first window.
    options.enable_mem_pattern = False
    # Threads that wait in a loop burn several times what a small encoder needs.
    options.add_session_config_entry(_SPINNING, "0")
    # No weights outside the graph: the folder they would come from has none.
    options.add_session_config_entry(_EXTERNAL_FOLDER, os.devnull)
    if not runtime.optimised:
        options.graph_optimization_level = ort.GraphOptimizationLevel.ORT_DISABLE_ALL
    return options


def _options(provider: str, engines: Path | None) -> dict[str, str]:
    if provider == CUDA:
        return {"use_tf32": "0"}
    if provider != TENSORRT or engines is None:
        return {}
    engines.mkdir(parents=True, exist_ok=True)
    return {
        "trt_engine_cache_enable": "1",
        "trt_engine_cache_path": str(engines),
        "trt_timing_cache_enable": "1",
        "trt_timing_cache_path": str(engines),
    }


def _runtime() -> Any:
    try:
        import onnxruntime
    except ImportError as error:
        raise MissingPackageError(
            "onnxruntime is not installed: pip install onnxruntime (or onnxruntime-gpu with an "
            "NVIDIA card; never both, they overwrite each other)"
        ) from error
    return onnxruntime


def _check_provider(provider: str, there: Sequence[str]) -> None:
    """Before, whether onnxruntime was built with it; after, whether it didn't fall back."""
    if provider != "auto" and PROVIDERS[provider][0] not in there:
        raise BirdlistenError(
            f"--provider {provider}: {PROVIDERS[provider][0]} could not be had, there is "
            f"{', '.join(there)}; pip install onnxruntime-gpu in place of onnxruntime, or use "
            "--provider auto"
        )
