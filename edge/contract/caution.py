"""Caution: the windows that must agree before a species is reported."""

import math

from edge.contract.values import Number

SHARES = (0.0, 0.25, 0.5, 0.65, 0.8, 1.0)
"""By caution: in which share of the windows that hold one instant a species must pass."""
DEFAULT_CAUTION = 2
"""What bundles are calibrated for."""

CAUTION, THRESHOLD = Number(0, len(SHARES) - 1, whole=True), Number(0, 1)
"""What either may be."""


def hits_needed(overlap: int, caution: int) -> int:
    """Windows in which a species must pass.

    Args:
        overlap: how many windows at most hold one instant, from the real hop.
        caution: index into SHARES.
    """
    return max(1, math.ceil(round(SHARES[caution] * overlap, 6)))
