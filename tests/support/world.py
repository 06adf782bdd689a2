"""A tiny aviary and tiny models of the real kind, made once a test session."""

import json
import subprocess
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from train.aviary.dataset import AviaryConfig, build
from train.config import DistillConfig, PretrainConfig
from train.pretrain import pretrain

SPECIES = ("cuculus_canorus", "parus_major", "dryocopus_martius", "turdus_merula", "strix_aluco")


@dataclass(frozen=True)
class World:
    root: Path
    data: Path
    teacher: str
    student: str

    def distillation(self, name: str, **changes: object) -> DistillConfig:
        settings = {
            "data": str(self.data),
            "teacher": self.teacher,
            "student": self.student,
            "output": str(self.root / f"{name}-aviary"),
            "steps": 30,
            "batch": 20,
            "warmup": 5,
            "device": "cpu",
        }
        return DistillConfig(**{**settings, **changes})


def arguments(config: DistillConfig | PretrainConfig) -> list[str]:
    """A configuration as its command takes it."""
    return [f"{key}={json.dumps(one)}" for key, one in asdict(config).items()]


def wait_for_steps(config: DistillConfig, count: int, running: Sequence[subprocess.Popen]) -> None:
    """Until running distillations have written so many steps."""
    log = Path(config.output) / "metrics.jsonl"
    deadline = time.monotonic() + 240
    while not log.is_file() or len(log.read_bytes().splitlines()) < count:
        assert all(one.poll() is None for one in running)
        assert time.monotonic() < deadline
        time.sleep(0.01)


def make_world(root: Path) -> World:
    data = root / "tiny-aviary"
    build(
        AviaryConfig(species=SPECIES, individuals=6, recordings=2, pictures=6, backgrounds=3),
        data,
        progress=False,
    )
    config = PretrainConfig(
        data=str(data),
        output=str(root / "models-aviary"),
        image_steps=100,
        image_batch=24,
        audio_steps=60,
        audio_batch=20,
        dim=32,
        device="cpu",
    )
    teacher, student = pretrain(config)
    return World(root, data, f"local-dir:{teacher}", str(student))
