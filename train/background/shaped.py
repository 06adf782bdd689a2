"""Backgrounds for calibration: noise shaped in the frequency domain, after `train.aviary`'s."""

from collections.abc import Callable, Mapping

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from train.aviary.background import BACKGROUNDS, coloured
from train.aviary.song import RATE_HZ, Waveform, smooth_noise

Maker = Callable[[int, Generator], Waveform]


def _seconds(count: int) -> np.ndarray:
    return np.arange(count) / RATE_HZ


def engine(count: int, rng: Generator) -> Waveform:
    """Harmonics of a wandering firing rate, over exhaust noise."""
    rate_hz = rng.uniform(15, 90) * np.exp(0.15 * smooth_noise(count, 0.3, rng))
    phase = 2 * np.pi * np.cumsum(rate_hz) / RATE_HZ
    orders = np.arange(1, 25)
    levels = rng.uniform(0.2, 1, len(orders)) / orders ** rng.uniform(0.5, 1)
    tone = sum(level * np.sin(order * phase) for order, level in zip(orders, levels, strict=True))
    exhaust = coloured(count, _rumble, rng)
    return np.asarray(tone + 0.8 * exhaust, np.float32)


def _rumble(hz: NDArray[np.float32]) -> NDArray[np.float32]:
    return np.asarray(1 / (1 + np.square(hz / 400)), np.float32)


def crickets(count: int, rng: Generator) -> Waveform:
    """Insects that sing in tune: tones under pulse trains that come and go."""
    wave, time = np.zeros(count), _seconds(count)
    for _ in range(rng.integers(1, 5)):
        hz = rng.uniform(2500, 10_000) * (1 + 0.01 * smooth_noise(count, 2.0, rng))
        pulses = np.clip(np.cos(2 * np.pi * rng.uniform(15, 80) * time), 0, 1)
        chirps = np.cos(2 * np.pi * rng.uniform(0.4, 6) * time + rng.uniform(0, 6))
        sung = np.clip(6 * (chirps + rng.uniform(-0.9, 1.2)), 0, 1) * pulses
        wave += rng.uniform(0.1, 1) * sung * np.sin(2 * np.pi * np.cumsum(hz) / RATE_HZ)
    return np.asarray(wave, np.float32) + np.float32(0.01) * coloured(count, np.ones_like, rng)


def clicks(count: int, rng: Generator) -> Waveform:
    """Impulses, single and in trains: relays, electric fences, a watch."""
    wave = np.zeros(count)
    for _ in range(rng.integers(1, 4)):
        period = rng.uniform(0.1, 2.0) * RATE_HZ
        jitter = rng.choice([0.0, 0.3])
        starts = np.arange(rng.uniform(0, period), count - 1, period)
        starts = starts + jitter * period * rng.standard_normal(len(starts))
        wave[np.clip(starts, 0, count - 1).astype(int)] += rng.uniform(0.3, 1)
    ring = np.exp(-_seconds(960) / rng.uniform(0.0003, 0.003))
    ring *= np.sin(2 * np.pi * rng.uniform(800, 8000) * _seconds(960))
    size = count + len(ring)
    found = np.fft.irfft(np.fft.rfft(wave, size) * np.fft.rfft(ring, size), size)[:count]
    return np.asarray(found, np.float32) + np.float32(0.002) * coloured(count, np.ones_like, rng)


def music(count: int, rng: Generator) -> Waveform:
    """Notes of a scale, one after the other and as chords, with a few harmonics."""
    wave, root_hz = np.zeros(count), rng.uniform(110, 440)
    scale = np.array([0, 2, 4, 5, 7, 9, 11, 12, 14, 16, 19])
    beat = rng.uniform(0.15, 0.6)
    for start in np.arange(0, count / RATE_HZ - beat, beat):
        for _ in range(rng.integers(1, 4)):
            note = _note(root_hz * 2 ** (rng.choice(scale) / 12), beat * rng.uniform(0.8, 2), rng)
            first = int(start * RATE_HZ)
            wave[first : first + len(note)] += note[: count - first]
    return np.asarray(wave, np.float32)


def _note(hz: float, length_s: float, rng: Generator) -> np.ndarray:
    time = _seconds(int(length_s * RATE_HZ))
    orders = range(1, int(rng.integers(2, 9)))
    tone = sum(np.sin(2 * np.pi * hz * n * time) / n ** rng.uniform(1, 2) for n in orders)
    attack = np.minimum(1, time / rng.uniform(0.005, 0.08))
    found: np.ndarray = tone * attack * np.exp(-time / (rng.uniform(0.2, 1.0) * length_s))
    return found


KINDS: Mapping[str, Maker] = {
    **BACKGROUNDS,
    "clicks": clicks,
    "crickets": crickets,
    "engine": engine,
    "music": music,
}
