"""Signals that break front ends; white noise alone proves nothing."""

import numpy as np

from edge.contract.arrays import Float32s

_RATE_HZ = 48_000


def signals(samples: int) -> dict[str, Float32s]:
    """By name, float32[samples] each."""
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
    return {name: signal.astype(np.float32) for name, signal in made.items()}
