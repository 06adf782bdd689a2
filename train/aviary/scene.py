"""A recording: song at a distance, reverberation, and a background at a given ratio."""

from dataclasses import dataclass

import numpy as np
from numpy.random import Generator

from edge.contract.arrays import Float32s
from train.aviary.background import BACKGROUNDS, background, fast_length
from train.aviary.song import RATE_HZ, Waveform, samples


@dataclass(frozen=True)
class SingerPosition:
    """Place of a singer, seen from the microphone."""

    distance_m: float
    reverberation_s: float
    """Time until the echo has fallen by 60 dB."""
    wetness: float
    """Energy of the reverberation over that of the direct sound."""

    @classmethod
    def draw(
        cls, rng: Generator, nearest_m: float = 5.0, farthest_m: float = 60.0
    ) -> "SingerPosition":
        """Return a place in woodland: the farther, the more echo."""
        distance_m = float(np.exp(rng.uniform(np.log(nearest_m), np.log(farthest_m))))
        return cls(distance_m, rng.uniform(0.3, 1.1), 0.25 * distance_m / 60.0 + 0.01)


def _impulse_response(place: SingerPosition, rng: Generator) -> Float32s:
    """Return direct sound, a few early reflections and a decaying noise tail."""
    count = samples(place.reverberation_s)
    tail = rng.standard_normal(count, dtype=np.float32)
    tail *= np.exp(np.linspace(0, -6.9, count, dtype=np.float32))
    tail *= np.float32(np.sqrt(place.wetness / np.sum(np.square(tail))))
    tail[: samples(0.004)] = 0
    for _ in range(5):
        tail[rng.integers(samples(0.004), samples(0.05))] += rng.normal(0, 0.5 * place.wetness**0.5)
    tail[0] = 1.0
    return tail


def _air_absorption(place: SingerPosition, hz: Float32s) -> Float32s:
    """Return the amplitude left at each pitch (about 0.1 dB a metre at 8 kHz)."""
    loss_db = place.distance_m * (0.0016 * (hz / 1000) ** 2)
    return np.asarray(10 ** (-loss_db / 20), np.float32)


def heard_from(wave: Waveform, place: SingerPosition, rng: Generator) -> Waveform:
    """Return the song as it arrives: same length, reverberant, dull with distance, level kept."""
    response = _impulse_response(place, rng)
    size = fast_length(len(wave) + len(response))
    hz = np.fft.rfftfreq(size, 1 / RATE_HZ).astype(np.float32)
    spectrum = np.fft.rfft(wave, size) * np.fft.rfft(response, size)
    arrived = np.fft.irfft(spectrum * _air_absorption(place, hz), size)
    return np.asarray(arrived[: len(wave)], np.float32)


def loudness(wave: Waveform) -> float:
    """Return the root mean square over the sounding part (the loudest half of the 20 ms frames)."""
    frame = samples(0.02)
    power = np.square(wave[: len(wave) // frame * frame].reshape(-1, frame)).mean(axis=1)
    return float(np.sqrt(np.sort(power)[len(power) // 2 :].mean() + 1e-12))


def mixed(song: Waveform, noise: Waveform, ratio_db: float) -> Waveform:
    """Add noise so that the song's loudness is ``ratio_db`` above it."""
    return song + noise * np.float32(loudness(song) / loudness(noise) * 10 ** (-ratio_db / 20))


def recorded(wave: Waveform, peak: float) -> Waveform:
    """Scale to a peak below 1."""
    return wave * np.float32(peak / (np.abs(wave).max(initial=0.0) + 1e-9))


def field_recording(song: Waveform, length_s: float, rng: Generator) -> Waveform:
    """Place one bout in a landscape.

    Args:
        song: float32[n], at most ``length_s`` long.
        length_s: Length of the recording.
        rng: Source of randomness.

    Returns:
        float32[samples(length_s)], peak below 1.
    """
    wave = np.zeros(samples(length_s), np.float32)
    start = int(rng.integers(0, len(wave) - len(song) + 1))
    wave[start : start + len(song)] = song
    place = SingerPosition.draw(rng)
    kind = str(rng.choice(sorted(BACKGROUNDS)))
    noise = background(kind, len(wave), rng)
    ratio_db = float(rng.uniform(16.0, 34.0) - 8.0 * place.distance_m / 60.0)
    return recorded(mixed(heard_from(wave, place, rng), noise, ratio_db), rng.uniform(0.1, 0.5))
