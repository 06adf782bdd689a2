"""Maps of sounds that nothing in the picture makes: silence, noise, a singer off-screen.

The measures of Juanola et al. 2024 (arXiv 2410.01020): a model that localises hearing, and not
merely what is conspicuous, leaves a picture dark for such a sound.
"""

from dataclasses import asdict, dataclass

import numpy as np

from edge.contract.arrays import Flags, Float32s, Float64s

_STEPS = 21
_TRIMMED = 0.1


@dataclass(frozen=True, kw_only=True)
class UniversalThresholds:
    """Thresholds that hold for all pictures, from the maxima of maps of negative audio."""

    maximum: float
    """No pixel of a negative map lies above."""
    trimmed: float
    """The maximum without the highest tenth."""
    third_quartile: float

    def to_json(self) -> dict[str, float]:
        """By name."""
        return asdict(self)


def universal_thresholds(negative: Float32s) -> UniversalThresholds:
    """Thresholds from maps of negative audio of validation, float32[n, h, w]."""
    maxima = np.sort(negative.reshape(len(negative), -1).max(axis=1))
    kept = maxima[: max(1, len(maxima) - int(len(maxima) * _TRIMMED))]
    return UniversalThresholds(
        maximum=float(maxima[-1]),
        trimmed=float(kept[-1]),
        third_quartile=float(np.quantile(maxima, 0.75)),
    )


def lit_shares(maps: Float32s, threshold: float) -> Float64s:
    """pIA: share of each map's pixels above a threshold; 0 is wanted of negative audio."""
    return np.asarray((maps > threshold).mean(axis=(1, 2)), np.float64)


def lit_area(shares: Float64s) -> float:
    """AUC_pIA: trapezoid of the share of maps with pIA <= 0, 0.05, ... 1; 1 is wanted."""
    below = [np.mean(shares <= 0.05 * step) for step in range(_STEPS)]
    return float(np.trapezoid(below, dx=0.05))


def map_ious(positive: Flags, negative: Flags) -> Float64s:
    """IoU of a picture's lit pixels for its own sound and for a negative one; low is wanted.

    Two dark maps are alike (1), one dark and one lit aren't (0).

    Args:
        positive: bool[n, h, w].
        negative: bool[n, h, w].
    """
    both = (positive & negative).sum(axis=(1, 2))
    either = (positive | negative).sum(axis=(1, 2))
    return np.where(either > 0, both / np.maximum(either, 1), 1.0)
