"""When a song begins: windows tell it to a second, the sound in them to hundredths."""

import numpy as np
import numpy.typing as npt

from edge.contract.audio import AudioSpec
from edge.source.framing import Window
from edge.tape import Tape

Samples = npt.NDArray[np.int16]
Level = npt.NDArray[np.float32]
_FRAME, _STEP_S = 1024, 0.01
"""Samples a spectrum, and the time between two."""
_BAND_HZ = (500, 15_000)
_LOUDEST = 0.05
"""Share of the bins that a song fills at a time."""
_FLOOR = 0.2
"""Quantile over time that is a bin's noise."""
_PAUSE_S = 0.2
"""Between two syllables a song hasn't ended."""
_AROUND_S = 0.75
"""Sound beside the places in question, for comparison."""
_HANN = np.hanning(_FRAME).astype(np.float32)


class Onset:
    """Finds where the songs of one source begin.

    Args:
        spec: rate and window.
    """

    def __init__(self, spec: AudioSpec) -> None:
        self._rate_hz = spec.sample_rate_hz
        self._reach, self._around = spec.window_samples // 2, round(_AROUND_S * self._rate_hz)
        # A song is confirmed at most a window after its first hit, and may begin one before that.
        self._capacity = 4 * spec.window_samples
        self._tape = Tape(self._capacity)

    def hear(self, window: Window) -> None:
        """Take the next window."""
        if window.start_sample > self._tape.end:  # what is before a gap tells nothing
            self._tape = Tape(self._capacity)
        self._tape.add(window)

    def near(self, expected: int, latest: int) -> int:
        """The sample at which sound rises most, half a window from the expected one at most.

        Args:
            expected: what windows tell; where nothing rises near it, it stays.
            latest: of all places that can be.
        """
        first, last = expected - self._reach, min(expected + self._reach, latest)
        end = min(last + self._around, self._tape.end)
        sound = self._tape.cut(max(first - self._around, 0), end)
        if len(sound) < 2 * _FRAME:
            return expected
        begin = end - len(sound)
        found = rise(sound, self._rate_hz, first - begin, last - begin)
        return expected if found is None else begin + found


def rise(samples: Samples, rate_hz: int, first: int, last: int) -> int | None:
    """The place from first to last at which sound rises most; None if it rises nowhere.

    It splits the sound in two so that what is left around the mean level of each part is least
    (Hinkley 1970, Biometrika 57, 1).

    Args:
        samples: int16[n], two spectra long at least.
        rate_hz: of them.
        first: place in samples.
        last: place in samples.
    """
    level = _held(_level(samples, rate_hz), round(_PAUSE_S / _STEP_S))
    before = np.arange(1, len(level))
    total, after = np.cumsum(level), len(level) - before
    rises = (total[-1] - total[:-1]) / after - total[:-1] / before
    gain = before * after * np.square(np.maximum(rises, 0))
    place = before * _step(rate_hz) + _FRAME // 2
    gain[(place < first) | (place >= last)] = 0
    return int(place[gain.argmax()]) if gain.max() > 0 else None


def _level(samples: Samples, rate_hz: int) -> Level:
    """float32[frames]: how far the loudest bins stand out of their noise, as a logarithm."""
    frames = np.lib.stride_tricks.sliding_window_view(samples, _FRAME)[:: _step(rate_hz)]
    low, high = (round(one / rate_hz * _FRAME) for one in _BAND_HZ)
    spectra = np.fft.rfft(frames * _HANN)[:, low:high]
    power = np.log(np.square(np.abs(spectra)) + 1)  # of int16: less than 1 is no sound
    power -= np.quantile(power, _FLOOR, axis=0)
    loudest = max(1, round(_LOUDEST * power.shape[1]))
    level: Level = np.partition(power, -loudest, axis=1)[:, -loudest:].mean(axis=1)
    return level


def _held(level: Level, frames: int) -> Level:
    """The most of the last frames."""
    padded = np.pad(level, (frames - 1, 0), "edge")
    held: Level = np.lib.stride_tricks.sliding_window_view(padded, frames).max(axis=1)
    return held


def _step(rate_hz: int) -> int:
    return round(_STEP_S * rate_hz)
