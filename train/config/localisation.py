"""Settings of `train.bridges localise`."""

from dataclasses import dataclass

from edge.contract.errors import ConfigError
from train.config.bridging import BridgeConfig
from train.config.checks import check_count, check_share


@dataclass(frozen=True)
class LocaliseConfig(BridgeConfig):
    """Localisation by sound, with the hints of an audio and a vision teacher (AVC-KD).

    Raises:
        ConfigError: a number that can't train, or another image student than timm's.
    """

    window_s: float = 3.0
    """Length of the sound around a frame, as in AVC-KD."""
    frames: int = 16
    """Frames a clip that may be drawn, in the middle of so many equal parts."""
    temperature: float = 0.03
    """Of the contrast; fixed, as in AVC-KD."""
    image_student: str = ""
    """Empty begins as the teacher's own tower; `timm:` and a name of timm's from nothing."""
    audio_teacher: str = ""
    """Folder of the audio teacher's embeddings, an .npy a clip; empty: no such hint."""
    vision_teacher: str = ""
    """Folder of the vision teacher's maps, an .npy a clip; empty: no such hint."""
    audio_weight: float = 1000.0
    """Of the mean square to the audio teacher's embedding, AVC-KD's."""
    vision_weight: float = 100_000.0
    """Of the mean square to the vision teacher's map, AVC-KD's."""
    space_weight: float = 1.0
    """Of the contrast of sounds with the frozen teacher's rows of the same frames, which keeps them
    in its space, where galleries are searched. 0 lets both students move, as AVC-KD's."""
    flip: float = 0.5
    """Probability that a frame, and its map, are mirrored."""
    validate_every: int = 0
    """Steps after which the validation split is asked; its best weights are saved. 0: never."""
    patience: int = 0
    """Validations without a better one after which it ends; 0: it goes on to the last step."""

    def __post_init__(self) -> None:
        """Refuse numbers that can't train."""
        super().__post_init__()
        check_count(self, ("audio_weight", "vision_weight", "space_weight"))
        check_count(self, ("validate_every", "patience"))
        check_share(self, ("flip",))
        if not self.image_student.startswith(("timm:",)) and self.image_student:
            raise ConfigError(
                f"image_student: {self.image_student!r}: expected timm:NAME, or nothing for the "
                "teacher's own tower"
            )
