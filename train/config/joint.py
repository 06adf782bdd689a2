"""Settings of `train.bridges joint`."""

from dataclasses import dataclass

from edge.contract.errors import ConfigError
from train.config.bridging import BridgeConfig
from train.config.checks import check_count


@dataclass(frozen=True)
class JointConfig(BridgeConfig):
    """Names and pictures together (train/bridges/joint.py): the upper reference.

    Raises:
        ConfigError: a number that can't train, or nothing to learn from.
    """

    pictures: str = ""
    """Data set whose pictures of the same species take the place of frames; empty: frames."""
    text_weight: float = 1.0
    """Of the contrast with the species' names; 0 learns from pictures alone."""
    image_weight: float = 1.0
    """Of the contrast with frames or pictures; 0 is text distillation by the same clips."""

    shuffle_taxonomy: int = 0
    """Seed by which orders and families are permuted among species in the sentences learned by: a
    control, as in train.distill. 0 leaves them as they are."""

    @property
    def marks(self) -> tuple[str, ...]:
        """Words that the name of a run has to hold."""
        shuffled = ("shuffled-taxonomy",) if self.shuffle_taxonomy else ()
        return (*(("pairs",) if self.learns_from_pairs else ()), *shuffled)

    @property
    def learns_from_pairs(self) -> bool:
        """True if it needs sounds with pictures, which text distillation does without."""
        return self.image_weight > 0

    def __post_init__(self) -> None:
        """Refuse numbers that can't train, and weights that leave nothing to learn."""
        super().__post_init__()
        check_count(self, ("text_weight", "image_weight", "shuffle_taxonomy"))
        if not self.text_weight and not self.image_weight:
            raise ConfigError("text_weight, image_weight: both are 0; give one of them a weight")
