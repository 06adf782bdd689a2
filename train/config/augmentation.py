"""Settings of how windows are varied."""

from dataclasses import dataclass

from edge.contract.errors import ConfigError
from train.config.checks import check_positive

SHARES = ("birdless", "least_chance", "favoured_windows", "mix", "background_prob", "mask")
"""Settings between 0 and 1."""


@dataclass(frozen=True)
class AugmentationConfig:
    """Augmentation of windows, in the mel domain; equations: train/sound/sampler.py."""

    gain_db: float = 8.0
    """Most that the level of a window is shifted by, either way."""
    mix: float = 0.25
    """Probability that a second, weaker recording sings along."""
    mix_db: float = -2.0
    """Level of the loudest second recording, relative to the window."""
    background_prob: float = 0.4
    """Probability that a background recording is added."""
    background_db: float = -2.0
    """Level of the loudest background, relative to the window."""
    least_db: float = -20.0
    """Level of the quietest recording or background that is added, relative to the window."""
    mask: float = 0.15
    """Probability that a band of time and one of frequency are masked (SpecAugment)."""
    mask_frames: int = 24
    """Longest masked band of time, in frames."""
    mask_bins: int = 8
    """Widest masked band of frequency, in mel bins."""

    def check_augmentation(self) -> None:
        """Refuse what can't be drawn; raises ConfigError."""
        check_positive(self, ("mask_frames", "mask_bins"))
        for name in ("mix_db", "background_db"):
            if getattr(self, name) < self.least_db:
                raise ConfigError(
                    f"{name}: {getattr(self, name)} lies below least_db={self.least_db}; "
                    "the loudest of what is added can't be quieter than the quietest"
                )
