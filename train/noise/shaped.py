"""Engines and music for calibration, and what its other classes are made of."""

import numpy as np
from numpy.random import Generator

from edge.contract.arrays import Float32s, Float64s, Floats
from train.aviary.background import coloured
from train.aviary.song import RATE_HZ, Waveform, smooth_noise


def seconds(count: int) -> Float64s:
    """The time of every sample."""
    return np.arange(count) / RATE_HZ


def hiss(count: int, rng: Generator, level: float = 0.01) -> Waveform:
    """Colour and noise that a microphone adds to every sound."""
    return np.asarray(level * coloured(count, np.ones_like, rng), np.float32)


def tone(hz: Floats) -> Float64s:
    """A sine of a pitch that wanders."""
    return np.asarray(np.sin(2 * np.pi * np.cumsum(hz) / RATE_HZ))


def add(wave: Floats, start: int, sound: Floats) -> None:
    """Let a sound begin at a sample, and be cut off where the wave ends."""
    wave[start : start + len(sound)] += sound[: len(wave) - start]


def engine(count: int, rng: Generator) -> Waveform:
    """Harmonics of a wandering firing rate, over exhaust noise."""
    rate_hz = rng.uniform(15, 90) * np.exp(0.15 * smooth_noise(count, 0.3, rng))
    phase = 2 * np.pi * np.cumsum(rate_hz) / RATE_HZ
    orders = np.arange(1, 25)
    levels = rng.uniform(0.2, 1, len(orders)) / orders ** rng.uniform(0.5, 1)
    tone = sum(level * np.sin(order * phase) for order, level in zip(orders, levels, strict=True))
    exhaust = coloured(count, _rumble, rng)
    return np.asarray(tone + 0.8 * exhaust, np.float32)


def _rumble(hz: Float32s) -> Float32s:
    return np.asarray(1 / (1 + np.square(hz / 400)), np.float32)


def music(count: int, rng: Generator) -> Waveform:
    """Notes of a scale, one after the other and as chords, with a few harmonics."""
    wave, root_hz = np.zeros(count), rng.uniform(110, 440)
    scale = np.array([0, 2, 4, 5, 7, 9, 11, 12, 14, 16, 19])
    beat = rng.uniform(0.15, 0.6)
    for start in np.arange(0, count / RATE_HZ - beat, beat):
        for _ in range(rng.integers(1, 4)):
            note = _note(root_hz * 2 ** (rng.choice(scale) / 12), beat * rng.uniform(0.8, 2), rng)
            add(wave, int(start * RATE_HZ), note)
    return np.asarray(wave, np.float32)


def _note(hz: float, length_s: float, rng: Generator) -> np.ndarray:
    time = seconds(int(length_s * RATE_HZ))
    orders = range(1, int(rng.integers(2, 9)))
    sound = sum(np.sin(2 * np.pi * hz * n * time) / n ** rng.uniform(1, 2) for n in orders)
    attack = np.minimum(1, time / rng.uniform(0.005, 0.08))
    found: np.ndarray = sound * attack * np.exp(-time / (rng.uniform(0.2, 1.0) * length_s))
    return found
