"""Settings of `train.bridges pivot`."""

from dataclasses import dataclass

from edge.contract.errors import ConfigError
from train.config.bridging import BridgeConfig
from train.config.checks import check_count, check_positive, check_prompt


@dataclass(frozen=True)
class PivotConfig(BridgeConfig):
    """The image pivot of VIP-ANT (train/bridges/pivot.py), then audio-text pairs.

    Raises:
        ConfigError: a number that can't train, or a prompt without a place for the name.
    """

    student: str = "vit:local-dir:runs/bridges-aviary/teacher"
    """`vit:` and a teacher, with whose image tower it begins; or as of any other training."""
    pictures: str = ""
    """Data set whose pictures of the same species take the place of frames; empty: frames."""
    patch: int = 0
    """Side of the patches that a `vit:` cuts a log-mel into; 0: the image tower's."""
    stride_frames: int = 0
    """From one patch of a `vit:` to the next along time; 0: half a patch."""
    stride_bins: int = 0
    """From one patch of a `vit:` to the next along frequency; 0: three quarters of a patch."""
    mask_species: bool = False
    """Clips of the same species are no negatives; without it no label is looked at."""
    prompt: str = "the sound of {}"
    """Sentence of a name, in audio-text pairs and in what is asked at the end."""
    text_pairs: tuple[int, ...] = ()
    """Audio-text pairs to fine-tune by, a training of each count, such as [10, 100]; none: []."""
    text_steps: int = 100
    """Steps of each fine-tuning by audio-text pairs."""
    text_batch: int = 64
    """Pairs of a step; all of them where there are fewer."""
    text_learning_rate: float = 1e-4
    """Of fine-tuning at the end of its warm-up."""

    def __post_init__(self) -> None:
        """Refuse numbers that can't train, and a prompt that names nothing."""
        super().__post_init__()
        check_positive(self, ("text_batch", "text_learning_rate"))
        check_count(self, ("patch", "stride_frames", "stride_bins", "text_steps"))
        wrong = [count for count in self.text_pairs if type(count) is not int or count < 0]
        if wrong:
            raise ConfigError(f"text_pairs: {wrong[0]!r} is no count; write text_pairs=[0,10,100]")
        check_prompt(self.prompt)
