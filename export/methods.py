"""Encoders that an export writes, and the ways to make them: nothing is loaded for the choice."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from edge.contract.errors import ConfigError
from edge.contract.manifest import PRECISIONS

HALVES = ("arithmetic", "weights")
"""In FP16."""
METHODS = ("dynamic", "weights", "static")
"""Of INT8."""
SPLITS = ("validation", "train")
"""Of the recordings that variants are calibrated on and compared by: the first that has any."""


@dataclass(frozen=True)
class Variants:
    """Encoders to write, and the ways to make them.

    Raises:
        ConfigError: an unknown precision.
    """

    precisions: Sequence[str] = PRECISIONS
    fp16: str = HALVES[0]
    """One of HALVES: `arithmetic` is for GPUs, `weights` for processors."""
    int8: str | None = None
    """One of `METHODS`; None takes the better one for the tower."""
    recordings: str | Path | None = None
    """Data set to calibrate on and compare by; None takes the checkpoint's if it is there."""
    beyond_limits: bool = False
    """Write what isn't the same encoder, too; the manifest says so."""

    def __post_init__(self) -> None:
        for precision in self.precisions:
            if precision not in PRECISIONS:
                raise ConfigError(
                    f"--precision: {precision!r} is not one of {', '.join(PRECISIONS)}"
                )
