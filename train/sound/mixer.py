"""Mixtures of recordings: birds, one or two, over background, at other speeds and levels.

A network is imitated best by a student that hears the very same sound, and ever new ones:
"function matching" (Beyer et al. 2022, arXiv 2106.05237). Background from far below the bird to
above it teaches what is left of a song in the rain.
"""

from collections.abc import Sequence

import numpy as np

from edge.contract.arrays import Float16s, Floats
from edge.contract.audio import Waveform, repeat_pad
from edge.source.resampling import resample

Recording = Float16s
"""Samples of one."""
_SPEEDS = (36, 40, 44, 48, 48, 48, 52, 56, 60)
"""In 48ths."""
_PAIRED, _PAIR_DB = 0.5, (-12.0, 6.0)
_NOISY, _NOISE_DB = 0.6, (-20.0, 10.0)
"""Of background below or above the birds: a ratio of +20 to -10 dB."""
_HISSING, _HISS_DB = 0.5, (-45.0, -15.0)
_COLOUR_DB, _COLOURS = 12.0, 8
_PEAK = 0.5


class Mixer:
    """Draws mixtures.

    Args:
        birds: float16[samples] a recording.
        background: recordings without a bird, may be empty.
        rate_hz: of all.
        seed: makes the sequence repeatable.
        birdless: share of the mixtures that are background alone; a bird-sound network tells much
            of it from birds, which is worth imitating, too.
        length_s: of a mixture.
        weights: how often each bird is the louder one; by default longer recordings are, by the
            square root. The other one is drawn by that root anyway.
    """

    def __init__(
        self,
        birds: Sequence[Recording],
        background: Sequence[Recording],
        rate_hz: int,
        seed: int | Sequence[int],
        birdless: float = 0.0,
        length_s: float = 3.0,
        weights: Sequence[float] = (),
    ) -> None:
        self._samples = round(length_s * rate_hz)
        self._birds, self._background, self._rate_hz = birds, background, rate_hz
        self._birdless = birdless if background else 0.0
        self._random = np.random.default_rng(seed)
        self._shares = _shares(np.sqrt([len(bird) for bird in birds]))
        self._first = _shares(np.array(weights)) if len(weights) else self._shares

    def draw(self) -> Waveform:
        """Birds, one or two, most over background; or background alone; float32[samples]."""
        alone = self._birdless and self._random.random() < self._birdless
        mixed = self._colour(self._alone() if alone else self._song())
        if self._random.random() < _HISSING:
            hiss = self._random.standard_normal(len(mixed), np.float32)
            mixed = self._add(mixed, hiss, _HISS_DB)
        scaled: Waveform = mixed * np.float32(_PEAK / max(float(np.abs(mixed).max()), 1e-6))
        return scaled

    def _song(self) -> Waveform:
        mixed = self._bird(self._first)
        if self._random.random() < _PAIRED:
            mixed = self._add(mixed, self._bird(self._shares), _PAIR_DB)
        if self._background and self._random.random() < _NOISY:
            mixed = self._add(mixed, self._noise(), _NOISE_DB)
        return mixed

    def _alone(self) -> Waveform:
        mixed = self._varied(self._quiet())
        if self._random.random() < _PAIRED:
            mixed = self._add(mixed, self._noise(), _PAIR_DB)
        return mixed

    def _noise(self) -> Waveform:
        return self._cut(self._quiet(), self._samples)

    def _quiet(self) -> Recording:
        return self._background[int(self._random.integers(len(self._background)))]

    def _bird(self, shares: Floats) -> Waveform:
        return self._varied(self._birds[self._random.choice(len(self._birds), p=shares)])

    def _varied(self, chosen: Recording) -> Waveform:
        """A cut, mostly at another speed."""
        speed = int(self._random.choice(_SPEEDS))
        samples = self._samples
        cut = self._cut(chosen, -(-samples * speed // 48) + 1)
        if speed == 48:
            return cut[:samples]
        faster = resample(cut, self._rate_hz * speed // 48, self._rate_hz)
        return repeat_pad(faster, samples)[:samples]

    def _colour(self, waveform: Waveform) -> Waveform:
        """As another microphone, wood and distance would colour it: a curve over the octaves."""
        spectrum = np.fft.rfft(waveform)
        octaves = np.log2(np.arange(len(spectrum)) + 1)
        knots = np.linspace(octaves[-1] - _COLOURS, octaves[-1], _COLOURS)
        gains_db = np.interp(
            octaves, knots, self._random.uniform(-_COLOUR_DB, _COLOUR_DB, _COLOURS)
        )
        coloured = np.fft.irfft(spectrum * 10 ** (gains_db / 20), len(waveform))
        return coloured.astype(np.float32)

    def _cut(self, recording: Recording, samples: int) -> Waveform:
        """A part, copied out of a mapped file; a shorter recording is repeated."""
        spare = len(recording) - samples
        if spare < 0:
            return repeat_pad(recording.astype(np.float32), samples)[:samples]
        start = int(self._random.integers(spare + 1))
        return recording[start : start + samples].astype(np.float32)

    def _add(self, first: Waveform, other: Waveform, levels_db: tuple[float, float]) -> Waveform:
        loudness = np.sqrt(np.square(first).mean() / max(float(np.square(other).mean()), 1e-10))
        level = 10 ** (self._random.uniform(*levels_db) / 20)
        return first + other * np.float32(loudness * level)


def _shares(weights: Floats) -> Floats:
    shares: Floats = weights / weights.sum()
    return shares
