"""Power spectra of short frames under a Hann window."""

import numpy as np

from edge.contract.arrays import Array, Float32s, Places

FRAME = 1024
"""Samples of a frame."""
_AT_ONCE = 64
"""Frames; more overflow a processor's cache, and take three times as long."""
_HANN = np.hanning(FRAME).astype(np.float32)


def power_spectra(samples: Array, starts: Places, bins: slice = slice(None)) -> Float32s:
    """Power of the frames that begin at some places: float32[frames, bins].

    Args:
        samples: int16 or float32[samples], at least as many as a frame holds.
        starts: intp[frames].
        bins: of the FRAME // 2 + 1 that there are.
    """
    frames = np.lib.stride_tricks.sliding_window_view(samples, FRAME)
    power = np.empty((len(starts), len(range(*bins.indices(FRAME // 2 + 1)))), np.float32)
    for first in range(0, len(starts), _AT_ONCE):
        some = slice(first, first + _AT_ONCE)
        spectra = np.fft.rfft(frames[starts[some]] * _HANN, axis=1)[:, bins]
        power[some] = np.square(spectra.real) + np.square(spectra.imag)
    return power
