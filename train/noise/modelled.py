"""Backgrounds for tests: modelled event by event in the time domain, unlike `calibration`.

A calibration that only knew one generator's noise by heart fails here.
"""

import itertools
from collections.abc import Callable, Mapping
from functools import partial

import numpy as np
from numpy.random import Generator

from edge.contract.arrays import Float64s
from train.aviary.song import RATE_HZ, Waveform

Maker = Callable[[int, Generator], Waveform]


def _time(length_s: float) -> Float64s:
    return np.arange(int(length_s * RATE_HZ)) / RATE_HZ


def _smeared(wave: Float64s, length: int) -> Float64s:
    """Moving average: a low pass with a first notch at RATE_HZ / length."""
    total = np.cumsum(np.concatenate([np.zeros(length), wave]))
    found: Float64s = (total[length:] - total[:-length]) / length
    return found


def _wander(count: int, step_s: float, rng: Generator) -> Float64s:
    """Random walk between knots, pulled back to zero; standard deviation about 1."""
    knots, value = [], 0.0
    for _ in range(int(count / RATE_HZ / step_s) + 2):
        value = 0.8 * value + 0.6 * rng.standard_normal()
        knots.append(value)
    return np.interp(np.arange(count) / RATE_HZ / step_s, np.arange(len(knots)), knots)


def _strewn(count: int, moments: Float64s, event: Callable[[], Float64s]) -> Float64s:
    """Events, each of its own making, at moments in seconds."""
    wave = np.zeros(count)
    for moment in moments:
        start, piece = int(moment * RATE_HZ), event()
        wave[start : start + len(piece)] += piece[: max(count - start, 0)]
    return wave


def _poisson(count: int, per_s: float, rng: Generator) -> Float64s:
    length_s = count / RATE_HZ
    return rng.uniform(0, length_s, rng.poisson(per_s * length_s))


def _ping(hz: float, decay_s: float) -> Float64s:
    time = _time(6 * decay_s)
    found: Float64s = np.exp(-time / decay_s) * np.sin(2 * np.pi * hz * time)
    return found


def rain(count: int, rng: Generator) -> Waveform:
    """Drops, each a bubble that rings (Pumphrey and Elmore 1990), and their sum far away."""
    ring = [_ping(rng.uniform(1500, 16000), rng.uniform(0.0005, 0.004)) for _ in range(40)]
    drops = _strewn(
        count,
        _poisson(count, rng.uniform(20, 300), rng),
        lambda: ring[rng.integers(len(ring))] * rng.pareto(2.5),
    )
    far = rng.standard_normal(count)
    return np.asarray(drops + rng.uniform(0.02, 0.2) * (far - _smeared(far, 8)), np.float32)


def wind(count: int, rng: Generator) -> Waveform:
    """Turbulence at the microphone: its level and its cut-off follow the gusts."""
    rough, gusts = rng.standard_normal(count), _wander(count, 0.7, rng)
    slow = 12 * _smeared(rough, 1200) + 4 * _smeared(rough, 240)
    leaves = 0.03 * (rough - _smeared(rough, 12))
    return np.asarray((slow + leaves * np.exp(0.5 * gusts)) * np.exp(0.8 * gusts), np.float32)


def engine(count: int, rng: Generator) -> Waveform:
    """Combustion pulses, uneven from cylinder to cylinder, in a ringing exhaust."""
    rate_hz = rng.uniform(20, 120) * np.exp(0.1 * _wander(count, 1.5, rng))
    fired = np.floor(np.cumsum(rate_hz) / RATE_HZ)
    starts = np.flatnonzero(np.diff(fired)) / RATE_HZ
    ring = [_ping(rng.uniform(80, 300), rng.uniform(0.004, 0.02)) for _ in range(4)]
    cylinders = itertools.cycle(ring)
    wave = _strewn(count, starts, lambda: next(cylinders))
    return np.asarray(wave + 0.02 * rng.standard_normal(count), np.float32)


def hum(count: int, rng: Generator) -> Waveform:
    """Mains, rectified and clipped as by a bad power supply; 50 or 60 Hz, which drifts a little."""
    drift = rng.choice([50.0, 60.0]) * (1 + 0.0005 * _wander(count, 5, rng))
    phase = 2 * np.pi * np.cumsum(drift) / RATE_HZ
    sine = np.sin(phase)
    bent = np.clip(np.abs(sine) - rng.uniform(0, 0.6), 0, rng.uniform(0.2, 1.0)) + 0.3 * sine
    hiss = rng.uniform(0.0005, 0.02) * rng.standard_normal(count)
    return np.asarray(bent - bent.mean() + hiss, np.float32)


def insects(count: int, rng: Generator) -> Waveform:
    """Crickets: chirps of a few pure pulses; several animals, each at its own pace."""
    wave = 0.002 * rng.standard_normal(count)
    for _ in range(rng.integers(1, 5)):
        hz, pulses = rng.uniform(3500, 9000), int(rng.integers(2, 12))
        time, rate_hz = _time(pulses / 40), rng.uniform(25, 60)
        chirp = np.sin(2 * np.pi * hz * time) * np.maximum(np.sin(2 * np.pi * rate_hz * time), 0)
        every = rng.uniform(0.3, 1.5)
        moments = np.arange(rng.uniform(0, every), count / RATE_HZ, every)
        moments += rng.normal(0, 0.02, len(moments))
        wave += _strewn(count, np.abs(moments), partial(np.multiply, chirp, rng.uniform(0.1, 1)))
    return np.asarray(wave, np.float32)


def clicks(count: int, rng: Generator) -> Waveform:
    """Knocks, snaps and electric fences: damped resonances at random or regular moments."""
    regular = rng.random() < 0.5
    every = rng.uniform(0.3, 2.0)
    moments = np.arange(0, count / RATE_HZ, every) if regular else _poisson(count, 1 / every, rng)

    def knock() -> Float64s:
        parts = [_ping(rng.uniform(300, 9000), rng.uniform(0.0005, 0.01)) for _ in range(3)]
        found: Float64s = np.sum([np.pad(part, (0, 2880 - len(part))) for part in parts], axis=0)
        return found

    wave = _strewn(count, moments, knock) + 0.003 * rng.standard_normal(count)
    return np.asarray(wave, np.float32)


def music(count: int, rng: Generator) -> Waveform:
    """Plucked strings (a decaying comb of harmonics, the high ones first) over a drone."""
    beat, root = rng.uniform(0.12, 0.5), rng.integers(45, 65)
    steps = np.array([0, 3, 5, 7, 10, 12, 15, 17])

    def pluck() -> Float64s:
        time, hz = _time(1.5), 440 * 2 ** ((root + rng.choice(steps) - 69) / 12)
        orders = np.arange(1, 13)[:, None]
        fading = np.exp(-time * orders * rng.uniform(1.5, 4)) / orders
        found: Float64s = (fading * np.sin(2 * np.pi * hz * orders * time)).sum(axis=0)
        return found

    moments = np.arange(0, count / RATE_HZ, beat)
    drone = np.sin(2 * np.pi * 440 * 2 ** ((root - 12 - 69) / 12) * np.arange(count) / RATE_HZ)
    kept = moments[rng.random(len(moments)) < 0.8]
    return np.asarray(_strewn(count, kept, pluck) + 0.2 * drone, np.float32)


def surf(count: int, rng: Generator) -> Waveform:
    """Waves that break every few seconds, or a weir."""
    rough = rng.standard_normal(count)
    swell = np.exp(rng.uniform(0.2, 1.2) * np.sin(2 * np.pi * np.arange(count) / RATE_HZ / 7))
    return np.asarray((rough + 3 * _smeared(rough, 20)) * swell, np.float32)


def hiss(count: int, rng: Generator) -> Waveform:
    """A preamplifier: white noise and a lot of it."""
    return np.asarray(rng.standard_normal(count), np.float32)


KINDS: Mapping[str, Maker] = {
    "clicks": clicks,
    "engine": engine,
    "hiss": hiss,
    "hum": hum,
    "insects": insects,
    "music": music,
    "rain": rain,
    "surf": surf,
    "wind": wind,
}
