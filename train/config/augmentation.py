"""Settings of how windows are varied."""

from dataclasses import dataclass

SHARES = ("birdless", "least_chance", "favoured_windows", "mix", "background_prob")
"""Settings between 0 and 1."""


@dataclass(frozen=True)
class AugmentationConfig:
    """Augmentation of windows, in the mel domain."""

    mix: float = 0.25
    """Probability that a second, weaker recording sings along."""
    background_prob: float = 0.4
    """Probability that a background recording is added."""
    background_db: float = -2.0
    """Of the loudest one, relative to the window."""
    gain_db: float = 8.0
    """The level is shifted by up to this, either way."""
