"""Magma: matplotlib's colours (CC0) from dark to bright, in order in greyscale, too."""

import numpy as np

from edge.contract.arrays import Floats, UInt8s

_KNOTS = np.array(
    [(0, 0, 4), (59, 15, 112), (140, 41, 129), (222, 73, 104), (254, 159, 109), (252, 253, 191)]
)


def coloured(shade: Floats) -> UInt8s:
    """Colours of shades from 0 to 1: [height, width] -> uint8[height, width, 3]."""
    places = np.linspace(0, 1, len(_KNOTS))
    parts = [np.interp(shade, places, _KNOTS[:, n]) for n in range(3)]
    return np.stack(parts, axis=-1).astype(np.uint8)
