"""Animals that are no birds, for calibration: insects in tune and out of it, and frogs."""

from collections.abc import Callable

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from train.aviary.background import coloured
from train.aviary.song import RATE_HZ, Waveform, smooth_noise
from train.background.shaped import hiss, seconds

Floats = NDArray[np.floating]


def crickets(count: int, rng: Generator) -> Waveform:
    """Tones under pulse trains that come and go."""
    wave = np.zeros(count)
    for _ in range(rng.integers(1, 5)):
        hz = rng.uniform(2500, 10_000) * (1 + 0.01 * smooth_noise(count, 2.0, rng))
        tone = np.sin(2 * np.pi * np.cumsum(hz) / RATE_HZ)
        wave += rng.uniform(0.1, 1) * _pulsed(count, rng) * tone
    return np.asarray(wave, np.float32) + hiss(count, rng)


def katydids(count: int, rng: Generator) -> Waveform:
    """Rasps: bands of noise under the same."""
    wave = np.zeros(count)
    for _ in range(rng.integers(1, 4)):
        rasp = coloured(count, _bump(rng.uniform(4000, 14_000), rng.uniform(600, 3000)), rng)
        wave += rng.uniform(0.1, 1) * _pulsed(count, rng) * rasp
    return np.asarray(wave, np.float32) + hiss(count, rng)


def cicadas(count: int, rng: Generator) -> Waveform:
    """Buzzing bands that swell for seconds."""
    wave = np.zeros(count)
    for _ in range(rng.integers(1, 4)):
        band = coloured(count, _bump(rng.uniform(3000, 9000), rng.uniform(100, 1200)), rng)
        buzz = 1 + np.cos(2 * np.pi * rng.uniform(60, 400) * seconds(count))
        wave += rng.uniform(0.2, 1) * band * buzz * np.exp(smooth_noise(count, 0.3, rng))
    return np.asarray(wave, np.float32) + hiss(count, rng)


def frogs(count: int, rng: Generator) -> Waveform:
    """Croaks and peeps: trains of pulses through two formants."""
    wave = np.zeros(count)
    for _ in range(rng.integers(1, 4)):
        low, rate_hz = rng.uniform(300, 2500), rng.uniform(20, 150)
        tone = sum(np.sin(2 * np.pi * low * n * seconds(count)) / n for n in (1, rng.uniform(2, 3)))
        pulses = np.clip(np.cos(2 * np.pi * rate_hz * seconds(count)), 0, 1) ** 2
        wave += rng.uniform(0.1, 1) * tone * pulses * _grouped(count, 0.3, 2.5, rng)
    return np.asarray(wave, np.float32) + hiss(count, rng)


def _pulsed(count: int, rng: Generator) -> Floats:
    """Pulses in groups."""
    pulses = np.clip(np.cos(2 * np.pi * rng.uniform(15, 80) * seconds(count)), 0, 1)
    return pulses * _grouped(count, 0.4, 6, rng)


def _grouped(count: int, slowest_hz: float, fastest_hz: float, rng: Generator) -> Floats:
    """Turns a sound on and off."""
    rate_hz, phase = rng.uniform(slowest_hz, fastest_hz), rng.uniform(0, 6)
    wave = np.cos(2 * np.pi * rate_hz * seconds(count) + phase)
    return np.asarray(np.clip(6 * (wave + rng.uniform(-0.9, 1.2)), 0, 1))


def _bump(centre_hz: float, width_hz: float) -> Callable[[Floats], Floats]:
    return lambda hz: np.exp(-np.square((hz - centre_hz) / width_hz))
