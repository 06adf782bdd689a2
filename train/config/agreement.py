"""Settings of `train.bridges agreement`."""

from dataclasses import dataclass

from edge.contract.errors import ConfigError
from train.config.bridging import BridgeConfig
from train.config.checks import check_count, check_positive

MATCHES = ("random", "nearest", "multiframe", "multiframe_clip")


@dataclass(frozen=True)
class AgreementConfig(BridgeConfig):
    """Temporal agreement of sound and frames (train/bridges/agreement.py), then of sound and text.

    Raises:
        ConfigError: an unknown match, or a number that can't train.
    """

    match: str = "nearest"
    """`random`, `nearest`, `multiframe` of segments, or `multiframe_clip` of whole clips."""
    random_epochs: int = 8
    """Epochs in which `nearest` still draws its frames at random."""
    nearest_negatives: bool = False
    """Compare the sound of other clips by their nearest frame, too, instead of the chosen one."""
    segment_s: float = 2.0
    """Length of the sound at a frame's time, which `multiframe` hears."""
    mask_clip: bool = True
    """Other frames of the same clip are no negatives; concerns `multiframe`."""
    mask_species: bool = False
    """Clips of the same species are no negatives; without it no label is looked at."""
    text_pairs: int = 0
    """Clips whose text the second stage learns by, drawn evenly among species; 0: all."""
    text_steps: int = 0
    """Steps of the second stage, audio-text fine-tuning; 0 leaves it out."""
    text_learning_rate: float = 5e-4
    """Of the second stage at the end of its warm-up."""

    @property
    def segmented(self) -> bool:
        """True if the student hears segments of clips."""
        return self.match == "multiframe"

    def __post_init__(self) -> None:
        """Refuse an unknown match, and numbers that can't train."""
        super().__post_init__()
        if self.match not in MATCHES:
            raise ConfigError(f"match: {self.match!r} is not one of {MATCHES}")
        check_positive(self, ("segment_s", "text_learning_rate"))
        check_count(self, ("random_epochs", "text_pairs", "text_steps"))
        if self.segmented and self.segment_s > self.window_s:
            raise ConfigError(
                f"segment_s: {self.segment_s} s is longer than window_s={self.window_s}, the sound "
                "that it is cut from"
            )
