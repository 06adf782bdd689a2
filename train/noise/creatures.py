"""Animals that are no birds, for calibration: insects in tune and out of it, and frogs."""

from collections.abc import Callable

import numpy as np
from numpy.random import Generator

from edge.contract.arrays import Floats
from train.aviary.background import coloured
from train.aviary.song import Waveform, smooth_noise
from train.noise.shaped import hiss, seconds, tone

Part = Callable[[int, Generator], Floats]


def crickets(count: int, rng: Generator) -> Waveform:
    """Tones under pulse trains that come and go."""
    return _several(count, 5, sound=_pitch, envelope=_pulsed, rng=rng)


def katydids(count: int, rng: Generator) -> Waveform:
    """Rasps: bands of noise under the same."""
    return _several(count, 4, sound=_rasp, envelope=_pulsed, rng=rng)


def cicadas(count: int, rng: Generator) -> Waveform:
    """Buzzing bands that swell for seconds."""
    return _several(count, 4, sound=_buzz, envelope=_swelling, rng=rng, faintest=0.2)


def frogs(count: int, rng: Generator) -> Waveform:
    """Croaks and peeps: trains of pulses through two formants."""
    return _several(count, 4, sound=_croak, envelope=_called, rng=rng)


def _several(
    count: int, most: int, sound: Part, envelope: Part, rng: Generator, faintest: float = 0.1
) -> Waveform:
    """Fewer than `most` animals, near and far."""
    wave = np.zeros(count)
    for _ in range(rng.integers(1, most)):
        sung = sound(count, rng)
        wave += rng.uniform(faintest, 1) * envelope(count, rng) * sung
    return np.asarray(wave, np.float32) + hiss(count, rng)


def _pitch(count: int, rng: Generator) -> Floats:
    return tone(rng.uniform(2500, 10_000) * (1 + 0.01 * smooth_noise(count, 2.0, rng)))


def _rasp(count: int, rng: Generator) -> Floats:
    return coloured(count, _bump(rng.uniform(4000, 14_000), rng.uniform(600, 3000)), rng)


def _buzz(count: int, rng: Generator) -> Floats:
    band = coloured(count, _bump(rng.uniform(3000, 9000), rng.uniform(100, 1200)), rng)
    return np.asarray(band * (1 + np.cos(2 * np.pi * rng.uniform(60, 400) * seconds(count))))


def _croak(count: int, rng: Generator) -> Floats:
    low, rate_hz = rng.uniform(300, 2500), rng.uniform(20, 150)
    formants = (1, rng.uniform(2, 3))
    sound = sum(np.sin(2 * np.pi * low * n * seconds(count)) / n for n in formants)
    pulses = np.clip(np.cos(2 * np.pi * rate_hz * seconds(count)), 0, 1) ** 2
    return np.asarray(sound * pulses)


def _swelling(count: int, rng: Generator) -> Floats:
    return np.asarray(np.exp(smooth_noise(count, 0.3, rng)))


def _called(count: int, rng: Generator) -> Floats:
    return _grouped(count, 0.3, 2.5, rng)


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
