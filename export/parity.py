"""Is the exported encoder still the same encoder? Compared through `edge.encoder`, as deployed."""

import logging
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch

from edge.contract.errors import DatasetError
from edge.encoder import Encoder
from train.student import WaveformStudent

_LOG = logging.getLogger(__name__)
_RATE_HZ = 48_000
LIMITS = {"fp32": 0.99999, "fp16": 0.999}
"""Least cosine with torch on any signal."""
Windows = npt.NDArray[np.float32]


@dataclass(frozen=True)
class Parity:
    """Cosine of each signal's two embeddings."""

    signals: tuple[str, ...]
    cosine: npt.NDArray[np.float32]

    @property
    def worst(self) -> tuple[str, float]:
        """The signal with the least cosine."""
        n = int(np.nan_to_num(self.cosine, nan=-1).argmin())
        return self.signals[n], float(self.cosine[n])


def signals(samples: int) -> dict[str, Windows]:
    """Signals that break front ends, float32[samples] each (white noise alone proves nothing)."""
    time_s = np.arange(samples) / _RATE_HZ
    random = np.random.default_rng(0)
    chirp = np.sin(2 * np.pi * (2000 + 1500 * (time_s % 0.5)) * time_s) * (time_s % 0.5 < 0.1)
    noise = random.standard_normal(samples)
    made = {
        "silence": np.zeros(samples),
        "full-scale sine": np.sin(2 * np.pi * 3000 * time_s),
        "dc": np.full(samples, 0.5),
        "clipped square": np.sign(np.sin(2 * np.pi * 440 * time_s)),
        "quiet noise": 1e-4 * noise,
        "noise": 0.1 * noise,
        "chirps over quiet noise": 0.3 * chirp + 1e-4 * noise,
        "chirps and hum": 0.3 * chirp + 0.3 * np.sin(2 * np.pi * 100 * time_s),
    }
    return {name: one.astype(np.float32) for name, one in made.items()}


def compare(
    reference: Callable[[Windows], Windows],
    candidate: Callable[[Windows], Windows],
    samples: int,
) -> Parity:
    """Embed every signal twice.

    Args:
        reference: float32[batch, samples] -> float32[batch, dim].
        candidate: the same.
        samples: window length.
    """
    made = signals(samples)
    windows = np.stack(list(made.values()))
    return Parity(tuple(made), (reference(windows) * candidate(windows)).sum(axis=1))


def check_parity(student: WaveformStudent, graph: bytes, precision: str) -> Parity:
    """Compare a graph with torch.

    Raises:
        DatasetError: a signal's cosine is below the precision's limit.
    """
    encoder = Encoder(graph, provider="cpu")
    parity = compare(_torch(student), encoder.encode, encoder.window_samples)
    name, cosine = parity.worst
    if not cosine >= LIMITS[precision]:
        raise DatasetError(
            f"{precision}: cosine with torch is {cosine:.6f} on {name!r}, expected at least "
            f"{LIMITS[precision]}; the variant was not written"
        )
    _LOG.info("%s: least cosine with torch %.7f (%s)", precision, cosine, name)
    return parity


def _torch(student: WaveformStudent) -> Callable[[Windows], Windows]:
    @torch.inference_mode()
    def encode(windows: Windows) -> Windows:
        embedded: Windows = student(torch.from_numpy(windows)).numpy()
        return embedded

    return encode
