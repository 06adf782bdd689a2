"""An aviary of four species, and models that have learned next to nothing: made in seconds."""

from dataclasses import dataclass
from pathlib import Path

from train.aviary.dataset import AviaryConfig, build
from train.config import DistillConfig, PretrainConfig
from train.pretrain import pretrain

SPECIES = ("cuculus_canorus", "parus_major", "turdus_merula", "strix_aluco")


@dataclass(frozen=True)
class SmallWorld:
    root: Path
    data: Path
    teacher: str

    def distillation(self, name: str, **changes: object) -> DistillConfig:
        settings = {
            "data": str(self.data),
            "teacher": self.teacher,
            "student": "cnn:mobilenetv3_small_100",
            "output": str(self.root / name),
            "steps": 2,
            "batch": 8,
            "window_s": 1.0,
            "device": "cpu",
            "bfloat16": False,
        }
        return DistillConfig(**{**settings, **changes})


def make_small_world(root: Path) -> SmallWorld:
    data = root / "small-aviary"
    amounts = {"individuals": 4, "recordings": 1, "pictures": 4, "backgrounds": 0}
    build(
        AviaryConfig(species=SPECIES, shortest_s=3.0, longest_s=3.0, **amounts),
        data,
        progress=False,
    )
    config = PretrainConfig(
        data=str(data),
        output=str(root / "models-aviary"),
        image_steps=2,
        image_batch=8,
        image_size=32,
        dim=16,
        device="cpu",
    )
    (teacher,) = pretrain(config, ["teacher"])
    return SmallWorld(root, data, f"local-dir:{teacher}")
