"""Things that click, drip, rattle, squeak and beep, for calibration."""

from collections.abc import Sequence

import numpy as np
from numpy.random import Generator

from edge.contract.arrays import Floats
from train.aviary.song import RATE_HZ, Waveform, smooth_noise
from train.noise.shaped import add, hiss, seconds, tone


def clicks(count: int, rng: Generator) -> Waveform:
    """Impulses, single and in trains: relays, electric fences, a watch."""
    wave = np.zeros(count)
    for _ in range(rng.integers(1, 4)):
        period = rng.uniform(0.1, 2.0) * RATE_HZ
        jitter = rng.choice([0.0, 0.3])
        starts = np.arange(rng.uniform(0, period), count - 1, period)
        starts = starts + jitter * period * rng.standard_normal(len(starts))
        wave[np.clip(starts, 0, count - 1).astype(int)] += rng.uniform(0.3, 1)
    return _struck(wave, [_ring(rng.uniform(800, 8000), rng.uniform(0.0003, 0.003))], rng)


def rattle(count: int, rng: Generator) -> Waveform:
    """Many weak blows on what rings in several tones: branches, hail, cutlery."""
    blows = rng.random(count) < rng.uniform(3, 150) / RATE_HZ
    rings = [
        _ring(rng.uniform(700, 12_000), rng.uniform(0.0005, 0.015))
        for _ in range(rng.integers(1, 5))
    ]
    return _struck(blows * rng.lognormal(0, 1, count), rings, rng)


def drips(count: int, rng: Generator) -> Waveform:
    """Drops that fall into water: short tones that rise."""
    wave, rate = np.zeros(count), rng.uniform(0.5, 12)
    for start in np.flatnonzero(rng.random(count) < rate / RATE_HZ).tolist():
        time = seconds(round(RATE_HZ * rng.uniform(0.02, 0.15)))
        hz = rng.uniform(400, 5000) * (1 + rng.uniform(0, 8) * time)
        fading = np.exp(-time / rng.uniform(0.005, 0.04))
        add(wave, start, rng.lognormal(-1, 0.7) * fading * tone(hz))
    return np.asarray(wave, np.float32) + hiss(count, rng, 0.005)


def squeaks(count: int, rng: Generator) -> Waveform:
    """Hinges, brakes, a swing: rough tones with harmonics, and pauses."""
    wave, place, high_hz = np.zeros(count), 0, rng.uniform(500, 4000)
    while place < count:
        length = round(RATE_HZ * rng.uniform(0.1, 1.2))
        hz = high_hz * np.exp(0.2 * smooth_noise(length, 4.0, rng) + rng.normal(0, 0.1))
        sound = _harmonic(hz, int(rng.integers(2, 6)))
        rough = 1 + rng.uniform(0, 1) * np.cos(2 * np.pi * rng.uniform(20, 120) * seconds(length))
        add(wave, place, np.hanning(length) * rough * sound)
        place += length + round(RATE_HZ * rng.uniform(0.05, 2))
    return np.asarray(wave, np.float32) + hiss(count, rng)


def alarms(count: int, rng: Generator) -> Waveform:
    """Beeps of one tone or two, and sirens."""
    period_hz, low_hz = rng.uniform(0.3, 5), rng.uniform(500, 4500)
    turn = np.cos(2 * np.pi * period_hz * seconds(count))
    swing = rng.choice([0.0, 0.2, 0.5]) * (np.sign(turn) if rng.random() < 0.5 else turn)
    sounding = np.clip(20 * (turn - rng.uniform(-1.5, 0.5)), 0, 1)
    beep = _harmonic(low_hz * np.exp(swing), int(rng.integers(2, 5)))
    return np.asarray(beep * sounding, np.float32) + hiss(count, rng)


def _harmonic(hz: Floats, orders: int) -> Floats:
    """A tone with its harmonics below an order."""
    return np.asarray(sum(tone(n * hz) / n for n in range(1, orders)))


def _ring(hz: float, decay_s: float) -> Floats:
    time = seconds(round(6 * decay_s * RATE_HZ) + 96)
    return np.asarray(np.exp(-time / decay_s) * np.sin(2 * np.pi * hz * time))


def _struck(blows: Floats, rings: Sequence[Floats], rng: Generator) -> Waveform:
    """Ringing of a thing that is struck."""
    size = len(blows) + max(map(len, rings))
    spectrum = sum(rng.uniform(0.2, 1) * np.fft.rfft(ring, size) for ring in rings)
    found = np.fft.irfft(np.fft.rfft(blows, size) * spectrum, size)[: len(blows)]
    return np.asarray(found, np.float32) + hiss(len(blows), rng, 0.002)
