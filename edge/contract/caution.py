"""Caution: the windows that must agree before a species is reported."""

import math

from edge.contract.errors import ConfigError

SHARES = (0.0, 0.25, 0.5, 0.65, 0.8, 1.0)
"""By caution: in which share of the windows that hold one instant a species must pass."""
DEFAULT_CAUTION = 2
"""What bundles are calibrated for."""


def check_rule(caution: int | None, threshold: float | None) -> None:
    """Refuse what can't be meant; None leaves a rule to others.

    Raises:
        ConfigError: a caution or threshold out of its range.
    """
    if caution is not None and not 0 <= caution < len(SHARES):
        raise ConfigError(f"caution: {caution} is not one of 0 to {len(SHARES) - 1}")
    if threshold is not None and not 0 <= threshold <= 1:
        raise ConfigError(f"threshold: {threshold} does not lie between 0 and 1")


def hits_needed(overlap: int, caution: int) -> int:
    """Windows in which a species must pass.

    Args:
        overlap: how many windows at most hold one instant, from the real hop.
        caution: index into SHARES.
    """
    return max(1, math.ceil(round(SHARES[caution] * overlap, 6)))
