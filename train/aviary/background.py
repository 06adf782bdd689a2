"""Background sounds: eight classes of coloured noise and events, root mean square 1."""

from collections.abc import Callable, Mapping

import numpy as np
from numpy.random import Generator

from edge.contract.arrays import Float32s
from train.aviary.song import RATE_HZ, Waveform, smooth_noise

Spectrum = Callable[[Float32s], Float32s]


def coloured(count: int, spectrum: Spectrum, rng: Generator) -> Waveform:
    """Return float32[count] stationary noise, root mean square 1.

    Args:
        count: Number of samples.
        spectrum: Pitch in hertz -> amplitude.
        rng: Source of randomness.
    """
    size = fast_length(count)
    hz = np.arange(size // 2 + 1, dtype=np.float32) * np.float32(RATE_HZ / size)
    bins = rng.standard_normal((len(hz), 2), dtype=np.float32)
    bins *= spectrum(np.maximum(hz, np.float32(20.0)))[:, None]
    wave = np.fft.irfft(bins.view(np.complex64)[:, 0], size)[:count]
    return level(np.asarray(wave, np.float32))


def fast_length(count: int) -> int:
    """Return an even FFT length >= count of small prime factors."""
    sizes = ((1 << a) * odd for a in range(1, 26) for odd in (1, 3, 5, 9, 15, 25, 27, 45, 75))
    return min(size for size in sizes if size >= count)


def level(wave: Waveform) -> Waveform:
    """Return the wave with root mean square 1."""
    return wave / np.float32(np.sqrt(np.mean(np.square(wave))) + 1e-9)


def _band(low_hz: float, high_hz: float, tilt: float = 0.0) -> Spectrum:
    """Return a band's amplitude with gentle flanks and a tilt (-0.5 pink, -1 brown)."""
    low, high, power = np.float32(low_hz), np.float32(high_hz), np.float32(tilt)

    def amplitude(hz: Float32s) -> Float32s:
        below, above = np.square(np.square(low / hz)), np.square(np.square(hz / high))
        return np.asarray((hz / low) ** power / np.sqrt((1 + below) * (1 + above)), np.float32)

    return amplitude


def _gusts(count: int, rate_hz: float, depth: float, rng: Generator) -> Waveform:
    return np.exp(depth * smooth_noise(count, rate_hz, rng)).astype(np.float32)


def _scatter(count: int, per_s: float, click: Waveform, rng: Generator) -> Waveform:
    """Return copies of a click at random moments and levels."""
    wave = np.zeros(count, np.float32)
    number = int(rng.poisson(per_s * count / RATE_HZ))
    for start in rng.integers(0, count, number):
        piece = click[: count - start]
        wave[start : start + len(piece)] += piece * np.float32(rng.exponential(1.0))
    return wave


def _knock(length_s: float, spectrum: Spectrum, rng: Generator) -> Waveform:
    count = int(length_s * RATE_HZ)
    fade = np.exp(-np.arange(count) / (count / 6)) * np.minimum(1, np.arange(count) / 20)
    return coloured(count, spectrum, rng) * fade.astype(np.float32)


def wind(count: int, rng: Generator) -> Waveform:
    """Gusty rumble and a rustle of leaves."""
    gusts = _gusts(count, 1.2, 0.5, rng)
    leaves = coloured(count, _band(1500.0, 6000.0, -0.5), rng) * gusts**2
    return coloured(count, _band(30.0, 250.0, -0.7), rng) * gusts + 0.12 * leaves


def rain(count: int, rng: Generator) -> Waveform:
    """Hiss with drops near by."""
    drop = _knock(0.012, _band(1500.0, 7000.0), rng)
    hiss = coloured(count, _band(900.0, 12000.0, -0.2), rng)
    return hiss + 1.2 * _scatter(count, 40.0, drop, rng)


def stream(count: int, rng: Generator) -> Waveform:
    """Running water with bubbling."""
    water = coloured(count, _band(300.0, 3500.0, -0.4), rng)
    return water + 0.6 * coloured(count, _band(500.0, 1500.0), rng) * _gusts(count, 12.0, 0.6, rng)


def insects(count: int, rng: Generator) -> Waveform:
    """Stridulation: a high band pulsed 15 to 40 times a second."""
    low_hz = rng.uniform(6500.0, 9500.0)
    turns = np.arange(count, dtype=np.float32) * np.float32(rng.uniform(15, 40) / RATE_HZ)
    pulse = 0.5 - 0.5 * np.cos(np.float32(2 * np.pi) * turns)
    song: Waveform = coloured(count, _band(low_hz, low_hz * 1.4), rng) * np.square(
        pulse, dtype=np.float32
    )
    song *= _gusts(count, 0.7, 0.5, rng)
    return song + np.float32(0.5) * air(count, rng)


def traffic(count: int, rng: Generator) -> Waveform:
    """Distant road: low rumble that swells as vehicles pass."""
    return coloured(count, _band(50.0, 400.0, -0.4), rng) * _gusts(count, 0.4, 0.5, rng)


def hum(count: int, rng: Generator) -> Waveform:
    """Mains: 50 Hz and its harmonics over amplifier hiss."""
    orders = np.array([1, 2, 3, 4, 6, 8, 10])[:, None]
    amplitudes = rng.uniform(0.2, 1.0, orders.shape) / orders**0.7
    cycle = np.linspace(0, 2 * np.pi, RATE_HZ // 50, endpoint=False)
    period = (amplitudes * np.sin(orders * cycle)).sum(axis=0).astype(np.float32)
    hiss = coloured(count, _band(100.0, 12000.0), rng)
    return np.asarray(np.resize(period, count) + np.float32(0.15) * hiss, np.float32)


def handling(count: int, rng: Generator) -> Waveform:
    """Clicks, knocks and rubbing of the recorder."""
    click = _knock(0.004, _band(800.0, 9000.0), rng)
    thump = _knock(0.12, _band(40.0, 180.0), rng)
    rub = coloured(count, _band(200.0, 2500.0, -0.5), rng) * _gusts(count, 4.0, 1.0, rng)
    return 3 * (_scatter(count, 3.0, click, rng) + _scatter(count, 1.0, thump, rng)) + 0.4 * rub


def air(count: int, rng: Generator) -> Waveform:
    """A quiet wood: pink noise."""
    return coloured(count, _band(60.0, 9000.0, -0.5), rng)


BACKGROUNDS: Mapping[str, Callable[[int, Generator], Waveform]] = {
    "air": air,
    "handling": handling,
    "hum": hum,
    "insects": insects,
    "rain": rain,
    "stream": stream,
    "traffic": traffic,
    "wind": wind,
}


def background(kind: str, count: int, rng: Generator) -> Waveform:
    """Return float32[count] of one class of background, root mean square 1."""
    return level(BACKGROUNDS[kind](count, rng))
