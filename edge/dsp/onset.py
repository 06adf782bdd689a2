"""Onset of a song: windows tell it to a second, the sound in them to hundredths."""

import numpy as np

from edge.contract.arrays import Float32s, Int16s
from edge.contract.audio_spec import AudioSpec
from edge.dsp.buffer import SampleBuffer
from edge.dsp.spectra import FRAME, power_spectra

_STEP_S = 0.01
"""Between two spectra."""
_BAND_HZ = (500, 15_000)
_LOUDEST = 0.05
"""Share of the bins that a song fills at a time."""
_FLOOR = 0.2
"""Quantile over time that is a bin's noise."""
_PAUSE_S = 0.2
"""Between two syllables a song hasn't ended."""
_AROUND_S = 0.75
"""Sound beside the places in question, for comparison."""
_LEAST = 0.3
"""Share of the level's variance that a rise explains; noise and the midst of a song rarely do."""
_STEADY = 0.1
"""Variance of the level, a logarithm of power, below which sound is steady."""


class Onset:
    """Finds where the songs of one source begin, as long as no other, louder one begins beside.

    Args:
        spec: rate and window.
        buffer: holds the sound of the source.
    """

    def __init__(self, spec: AudioSpec, buffer: SampleBuffer) -> None:
        self._rate_hz, self._around = spec.sample_rate_hz, round(_AROUND_S * spec.sample_rate_hz)
        self._buffer = buffer
        # A song is confirmed at most a window after its first hit, and may begin one before that.
        buffer.hold(4 * spec.window_samples)

    def between(self, first: int, last: int) -> int | None:
        """The sample at which sound rises; None if it goes on as before."""
        end = min(last + self._around, self._buffer.end)
        # What is before a gap tells nothing.
        sound = self._buffer.cut(max(first - self._around, self._buffer.unbroken_since), end)
        begin = end - len(sound)
        found = rise(sound, self._rate_hz, first - begin, last - begin)
        return None if found is None else begin + found


def rise(samples: Int16s, rate_hz: int, first: int, last: int) -> int | None:
    """The place from first to last (exclusive) at which sound rises, or None.

    It splits the sound in two so that what is left around the mean level of each part is least
    (Hinkley 1970, Biometrika 57, 1), and counts if that takes a good part of the variance away.

    Args:
        samples: int16[n].
        rate_hz: of them.
        first: place in samples.
        last: place in samples.
    """
    if len(samples) < 2 * max(FRAME, _step(rate_hz)):
        return None
    level = _held(_level(samples, rate_hz), round(_PAUSE_S / _STEP_S))
    level -= level.mean()
    before = np.arange(1, len(level))
    below = -np.cumsum(level)[:-1]  # the first part's sum, and the second one's with its sign
    gain = np.maximum(below, 0) ** 2 * (1 / before + 1 / (len(level) - before))
    place = before * _step(rate_hz) + FRAME // 2
    gain[(place < first) | (place >= last)] = 0
    best, variance = int(gain.argmax()), max(float(level.var()), _STEADY)
    return int(place[best]) if gain[best] > _LEAST * variance * len(level) else None


def _level(samples: Int16s, rate_hz: int) -> Float32s:
    """float32[frames]: how far the loudest bins stand out of their noise, as a logarithm."""
    starts = np.arange(0, len(samples) - FRAME + 1, _step(rate_hz))
    low, high = (round(hz / rate_hz * FRAME) for hz in _BAND_HZ)
    power = power_spectra(samples, starts, slice(low, high))
    power = np.log(power + 1)  # of int16: below 1 no sound
    noise = np.sort(power, axis=0)[int(_FLOOR * (len(power) - 1))]  # a fifth of quantile's time
    power = np.maximum(power - noise, 0)  # a dropout is no silence
    loudest = max(1, round(_LOUDEST * power.shape[1]))
    level: Float32s = np.partition(power, -loudest, axis=1)[:, -loudest:].mean(axis=1)
    return level


def _held(level: Float32s, frames: int) -> Float32s:
    """The most of the last frames."""
    padded = np.pad(level, (frames - 1, 0), "edge")
    held: Float32s = np.lib.stride_tricks.sliding_window_view(padded, frames).max(axis=1)
    return held


def _step(rate_hz: int) -> int:
    return round(_STEP_S * rate_hz)
