"""Settings of `train.pretrain`."""

from dataclasses import dataclass, fields

from train.config.augmentation import SHARES
from train.config.checks import check_positive, check_share
from train.config.heard import HeardConfig


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
            *("map_weight", "local_features", "audio_weight_decay", "audio_ema", *SHARES),
        )
        check_positive(self, [name for name in numbers if name not in free])
        check_share(self, ("audio_ema",))
