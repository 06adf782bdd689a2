"""Fidelity of an exported graph to what it was made from, and its limits.

Through `edge.recognition.encoder` as deployed; an FP16 graph is also run as a GPU would, rounding
every half.
"""

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import onnx

from edge.contract.arrays import Float32s
from edge.contract.errors import DatasetError
from edge.recognition.encoder import Encoder
from edge.recognition.runtime import RuntimeOptions, open_session
from export.emulate import rounded
from export.scopes import log_mel_of
from export.signals import signals

_LOG = logging.getLogger(__name__)
_BATCH = 8
_AUDIBLE_DB = 60
"""Bins further below the loudest are rounding noise of a float32 transform."""
Function = Callable[[Float32s], Float32s]


@dataclass(frozen=True)
class FidelityLimits:
    """Limits that a variant must reach to be written."""

    signals: float
    """Least cosine with the original on any signal."""
    recordings: float
    """Mean cosine with the original over windows of recordings."""
    log_mel_db: float = 0.05
    """Largest difference of any audible bin."""


LIMITS = {
    "fp32": FidelityLimits(0.99999, 0.99999),
    "fp16": FidelityLimits(0.9999, 0.99999),
    "int8": FidelityLimits(0.98, 0.999),
}


@dataclass(frozen=True)
class Parity:
    """Distance of one variant from what it was made from."""

    signals: dict[str, float]
    """Cosine by signal; of an FP16 graph the worse of deployed and emulated."""
    log_mel_db: dict[str, float]
    """Largest difference of an audible bin, by signal."""
    error: float
    """Largest difference of a coordinate, on signals."""
    recordings: tuple[float, float] | None
    """Mean and least cosine over windows of recordings."""

    def problems(self, limits: FidelityLimits) -> list[str]:
        """Figures outside the limits, in words."""
        found = [
            f"cosine with the original is {cosine:.6f} on {name!r}, expected at least "
            f"{limits.signals}"
            for name, cosine in self.signals.items()
            if not cosine >= limits.signals
        ]
        found += [
            f"the log-mel differs by {difference:.2g} dB on {name!r}, expected at most "
            f"{limits.log_mel_db}"
            for name, difference in self.log_mel_db.items()
            if not difference <= limits.log_mel_db
        ]
        if self.recordings and not self.recordings[0] >= limits.recordings:
            mean = f"{self.recordings[0]:.6f}, expected at least {limits.recordings}"
            found.append(f"mean cosine with the original on recordings is {mean}")
        return found

    def summary(self, limits: FidelityLimits) -> dict[str, Any]:
        """The figures that a manifest keeps."""
        found = {"least_cosine_on_signals": min(self.signals.values())}
        if self.recordings:
            mean, least = self.recordings
            found |= {"mean_cosine_on_recordings": mean, "least_cosine_on_recordings": least}
        shown = {name: round(value, 7) for name, value in found.items()}
        return {**shown, "beyond_limits": self.problems(limits)}


def compare_graph(
    reference: Function,
    graph: bytes,
    recorded: Float32s | None = None,
    log_mel: Function | None = None,
) -> Parity:
    """Compare a graph with what it was made from.

    Args:
        reference: float32[batch, samples] -> [batch, dim] of the original.
        graph: an ONNX file.
        recorded: float32[windows, samples] of recordings.
        log_mel: the original's front end; None compares embeddings only.
    """
    model, encoder = onnx.load_from_string(graph), Encoder(graph, RuntimeOptions("cpu", threads=0))
    made = signals(encoder.window_samples)
    hard = np.stack(list(made.values()))
    ways: list[Function] = [encoder.encode]
    if _holds_halves(model):
        ways.append(_plainly(rounded(model)))
    expected = in_batches(reference, hard)
    found = np.stack([in_batches(way, hard) for way in ways])
    differences = [] if log_mel is None else _log_mel_differences(log_mel, model, hard)
    return Parity(
        dict(zip(made, _worst((found * expected).sum(axis=2)), strict=True)),
        dict(zip(made, differences, strict=False)),
        float(np.abs(found - expected).max()),
        None if recorded is None else _recordings(reference, ways, recorded),
    )


def _worst(cosines: Float32s) -> list[float]:
    """Of several ways, [ways, signals]; not a number is the worst there is."""
    return [float(cosine) for cosine in np.nan_to_num(cosines, nan=-1).min(axis=0)]


def _recordings(
    reference: Function, ways: Sequence[Function], windows: Float32s
) -> tuple[float, float]:
    expected = in_batches(reference, windows)
    cosines = [(in_batches(way, windows) * expected).sum(axis=1) for way in ways]
    worst = np.nan_to_num(np.stack(cosines), nan=-1).min(axis=0)
    return float(worst.mean()), float(worst.min())


def _log_mel_differences(log_mel: Function, model: onnx.ModelProto, hard: Float32s) -> list[float]:
    part = log_mel_of(model)
    found = _plainly(rounded(part) if _holds_halves(part) else part)(hard)
    expected = log_mel(hard)
    audible = expected > expected.max(axis=(1, 2, 3), keepdims=True) - _AUDIBLE_DB
    difference = np.where(audible, np.abs(found - expected), 0)
    return [
        float(decibels) for decibels in np.nan_to_num(difference, nan=np.inf).max(axis=(1, 2, 3))
    ]


def _holds_halves(model: onnx.ModelProto) -> bool:
    return any(
        tensor.data_type == onnx.TensorProto.FLOAT16 for tensor in model.graph.initializer
    ) or any(
        attribute.name == "to" and attribute.i == onnx.TensorProto.FLOAT16
        for node in model.graph.node
        for attribute in node.attribute
    )


def _plainly(model: onnx.ModelProto) -> Function:
    """Run a graph on a processor as it is written, without optimisation."""
    session = open_session(
        model.SerializeToString(), RuntimeOptions("cpu", threads=0, optimised=False)
    )
    return lambda windows: session.run(None, {"waveform": windows})[0]


def in_batches(function: Function, windows: Float32s) -> Float32s:
    """A function of many windows, some at a time."""
    return np.concatenate(
        [function(windows[n : n + _BATCH]) for n in range(0, len(windows), _BATCH)]
    )


def check(parity: Parity, precision: str, limits: FidelityLimits | None = None) -> None:
    """Refuse a variant that isn't the same encoder.

    Args:
        parity: of the variant.
        precision: which it is.
        limits: None takes those of our own encoders.

    Raises:
        DatasetError: it is outside its limits.
    """
    problems = parity.problems(limits or LIMITS[precision])
    if problems:
        more = f" (and {len(problems) - 1} more)" if len(problems) > 1 else ""
        raise DatasetError(f"{precision}: {problems[0]}{more}; the variant was not written")
    worst = min(parity.signals, key=lambda name: parity.signals[name])
    _LOG.info("%s: least cosine %.7f (%s)", precision, parity.signals[worst], worst)
