"""Settings of `train.pretrain`."""

from dataclasses import dataclass, fields

from edge.contract.errors import ConfigError
from train.config.augmentation import SHARES
from train.config.checks import check_positive, check_share
from train.config.heard import HeardConfig

HEAD_WIDTH = 32
"""Of the attention in the teacher's towers."""


@dataclass(frozen=True)
class PretrainConfig(HeardConfig):
    """The two small models of the real kind that stand in for BioCLIP-2 and BioLingual."""

    output: str = "runs/pretrain-aviary"
    """Folder of all models: teacher, student and backbone."""
    dim: int = 128
    """Dimension of the teacher's space."""
    init: str = ""
    """Folder of a CLAP to go on training; empty begins anew."""
    image_size: int = 64
    """Side of the pictures that the teacher sees."""
    image_layers: int = 0
    """Layers of the teacher's image tower, a ViT in open_clip's own layout; 0: a small ResNet."""
    image_width: int = 128
    """Of that ViT; a head is 32 wide."""
    image_patch: int = 12
    """Side of its patches in pixels."""
    image_zoom_out: float = 1.0
    """Pictures are laid into a landscape of others up to so many times as wide: birds of clips are
    smaller than those of portraits. 1: they stay as they are."""
    image_crop: float = 0.6
    """Least share of a picture that is seen at once."""
    image_steps: int = 220
    """Steps of the teacher."""
    image_batch: int = 48
    """Pictures of a step."""
    image_learning_rate: float = 2e-3
    """Of the teacher."""
    image_weight_decay: float = 0.01
    """Of the teacher."""
    image_tower: str = ""
    """Folder of a ready-made tower to lock (pretraining/locked_tower.py); empty trains one."""
    text_width: int = 64
    """Of the teacher's text tower, a multiple of 32: no more directions have its anchors."""
    text_layers: int = 2
    """Of the teacher's text tower."""
    text_spread: float = 0.0
    """Weight of pulling the anchors of all names apart, over a locked tower; 0: none."""
    audio_steps: int = 460
    """Steps of the student, or of the backbone."""
    audio_batch: int = 48
    """Windows of a step, those of all ranks together."""
    audio_learning_rate: float = 1e-3
    """Of the student, or of the backbone."""
    audio_weight_decay: float = 0.01
    """Of the student, or of the backbone."""
    audio_ema: float = 0.0
    """Decay of the moving average of the backbone's weights, which is what is saved; 0: none."""
    tower_width: int = 32
    """Of the audio tower's first stage."""
    audio_tower: str = ""
    """Folder of a backbone that the CLAP begins with in place of a tower of its own."""
    cnn: str = "mobilenetv3_small_100"
    """What timm calls the CNN of the backbone."""
    mixtures: int = 16_000
    """How many mixtures of recordings the backbone learns by."""
    map_weight: float = 0.0
    """Of the maps between its layers, which a CNN learns by mixtures; 0: none."""
    local_features: int = 0
    """Width of what a CNN makes at every place and then averages; BirdNET's is 1024. 0: its map."""
    snapshot_every: int = 0
    """Steps after which the backbone's training is kept in `output`; the same command goes on."""

    def __post_init__(self) -> None:
        """Refuse numbers that can't train."""
        super().__post_init__()
        numbers = [field.name for field in fields(self) if type(field.default) in (int, float)]
        free = (
            *("seed", "species_weight", "snapshot_every", "longest_s"),
            *("background_db", "mix_db", "least_db", "gain_db"),
            *(
                "image_layers",
                "text_spread",
                "map_weight",
                "local_features",
                "audio_weight_decay",
                "audio_ema",
                *SHARES,
            ),
        )
        check_positive(self, [name for name in numbers if name not in free])
        check_share(self, ("audio_ema", "image_crop"))
        if self.image_zoom_out < 1 or (self.image_layers and self.image_size % self.image_patch):
            raise ConfigError(
                f"image_zoom_out, image_patch: {self.image_zoom_out} and {self.image_patch}; "
                "expected at least 1, and a side that fits into image_size a whole number of times"
            )
        if self.image_layers and self.image_width % HEAD_WIDTH:
            raise ConfigError(
                f"image_width: {self.image_width} is no multiple of {HEAD_WIDTH}, a head's width"
            )
        if self.text_width % HEAD_WIDTH:
            raise ConfigError(
                f"text_width: {self.text_width} is no multiple of {HEAD_WIDTH}, a head's width"
            )
