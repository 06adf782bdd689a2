"""The image student: an open_clip tower that embeds every place of a picture.

It is the tower's dense form (`gallery.dense`) and learns. It begins as the frozen teacher, so that
its places lie in the teacher's space, and anchors, gallery and sounds can be compared with them.
"""

import json
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch
from PIL import Image
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor, nn

from edge.contract.atomic import write_atomic
from edge.contract.errors import ConfigError, DatasetError
from gallery.dense import UnitPlaces, dense_tower, judging
from gallery.known import LOCAL
from gallery.teacher import Teacher
from train.model.student import weights_bytes

META, WEIGHTS = "image_student.json", "image_student.safetensors"
TIMM = "timm:"
_CONFIG = "open_clip_config.json"
_HUB = "hf-hub:"


@dataclass(frozen=True)
class TowerConfig:
    """An image tower as open_clip describes it."""

    space_id: str
    """Of the teacher, in whose space its places lie."""
    dim: int
    """Of the space."""
    vision: dict[str, Any]
    """open_clip's `vision_cfg`."""
    preprocess: dict[str, Any]
    """open_clip's `preprocess_cfg`, all of it."""
    quick_gelu: bool = False

    @property
    def side(self) -> int:
        """Pixels of a picture's side."""
        return int(self.vision.get("image_size", 224))

    @property
    def prepare(self) -> Callable[[Image.Image], Tensor]:
        """A picture as the tower is fed it: float32[3, side, side]."""
        from open_clip.transform import PreprocessCfg, image_transform_v2

        transform: Callable[[Image.Image], Tensor] = image_transform_v2(
            PreprocessCfg(**self.preprocess), is_train=False
        )
        return transform


class ImageStudent(nn.Module):
    """An image tower that embeds places.

    Args:
        config: the tower's.

    Raises:
        ConfigError: a tower that has no places, such as one with attentional pooling, or that
            takes pictures of another side.
    """

    def __init__(self, config: TowerConfig) -> None:
        super().__init__()
        from open_clip.model import _build_vision_tower

        self.config = config
        tower = _build_vision_tower(config.dim, dict(config.vision), config.quick_gelu)
        _check_side(tower, config.side)
        try:
            self.places = UnitPlaces(dense_tower(tower))
        except DatasetError as error:
            raise ConfigError(f"image_student: {error}; give timm:NAME") from error

    @property
    def visual(self) -> Any:
        """The tower as open_clip has it."""
        return self.places.dense.visual

    @property
    def grid(self) -> tuple[int, int]:
        """Rows and columns of places."""
        side = self.config.side
        with judging(self), torch.inference_mode():
            _, rows, columns, _ = self(torch.zeros(1, 3, side, side)).shape
        return rows, columns

    def forward(self, picture: Tensor) -> Tensor:
        """float32[batch, 3, side, side] -> float32[batch, h, w, dim], unit over dim."""
        places: Tensor = self.places(picture)
        return places


def begin_image_student(name: str, teacher: Teacher) -> ImageStudent:
    """The image student as it begins.

    Args:
        name: empty begins as the teacher's own tower; `timm:` and a name of timm's begins from
            nothing, with a new projection.
        teacher: whose space, preprocessing and tower these are.

    Raises:
        ConfigError: timm knows no such name, or the tower has no places.
    """
    config = tower_config(teacher)
    if not name:
        student = ImageStudent(config)
        weights = {key: value.cpu() for key, value in teacher.model.visual.state_dict().items()}
        student.visual.load_state_dict(weights)
        return student
    return ImageStudent(_from_nothing(name, config))


def save_image_student(folder: Path, student: ImageStudent) -> None:
    """Write it beside a run's checkpoint; image_student.json comes last."""
    write_atomic(folder / WEIGHTS, weights_bytes(student.visual.state_dict()))
    config = student.config
    meta = {
        "space_id": config.space_id,
        "dim": config.dim,
        "vision_cfg": config.vision,
        "preprocess_cfg": config.preprocess,
        "quick_gelu": config.quick_gelu,
    }
    write_atomic(folder / META, (json.dumps(meta, indent=2) + "\n").encode())


def load_image_student(folder: Path) -> ImageStudent:
    """Read what `save_image_student` wrote, ready to be used.

    Raises:
        DatasetError: there is none, or it is damaged.
    """
    if not (folder / META).is_file():
        raise DatasetError(
            f"{folder}: holds no image student; make one: python -m train.bridges localise"
        )
    try:
        meta = json.loads((folder / META).read_text(encoding="utf-8"))
        config = TowerConfig(
            space_id=str(meta["space_id"]),
            dim=meta["dim"],
            vision=meta["vision_cfg"],
            preprocess=meta["preprocess_cfg"],
            quick_gelu=meta["quick_gelu"],
        )
        student = ImageStudent(config)
        student.visual.load_state_dict(load_file(folder / WEIGHTS))
    except (ValueError, KeyError, TypeError, OSError, RuntimeError, SafetensorError) as error:
        reason = str(error).splitlines()[0]
        raise DatasetError(f"{folder}: damaged image student ({reason})") from error
    return student.eval().requires_grad_(False)


def tower_config(teacher: Teacher) -> TowerConfig:
    """The teacher's image tower as its open_clip_config.json describes it."""
    model = _read_config(teacher.name)["model_cfg"]
    return TowerConfig(
        space_id=teacher.space_id,
        dim=int(model["embed_dim"]),
        vision={**model["vision_cfg"], "timm_model_pretrained": False},
        preprocess=json.loads(json.dumps(teacher.model.visual.preprocess_cfg)),
        quick_gelu=bool(model.get("quick_gelu", False)),
    )


def _read_config(name: str) -> dict[str, Any]:
    if name.startswith(LOCAL):
        path = Path(name.removeprefix(LOCAL)) / _CONFIG
    else:
        from open_clip.pretrained import download_pretrained_from_hf

        path = Path(download_pretrained_from_hf(name.removeprefix(_HUB), filename=_CONFIG))
    found: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return found


def _check_side(tower: Any, side: int) -> None:
    """A transformer of timm keeps the side that it is named with: open_clip hands it no other."""
    patches = getattr(getattr(tower, "trunk", None), "patch_embed", None)
    taken = getattr(patches, "img_size", None)  # None of what takes any
    if taken is not None and tuple(taken) != (side, side):
        raise ConfigError(
            f"image_student: takes pictures of {taken[0]} px, the teacher's are of "
            f"{side} px; give timm:NAME of a CNN, or of a transformer of {side} px"
        )


def _from_nothing(name: str, config: TowerConfig) -> TowerConfig:
    import timm

    model = name.removeprefix(TIMM)
    if not name.startswith(TIMM) or not timm.is_model(model):
        raise ConfigError(
            f"image_student: {name!r}: expected timm:NAME, a name that timm knows, or nothing for "
            "the teacher's own tower"
        )
    vision = {
        "image_size": config.side,
        "timm_model_name": model,
        "timm_model_pretrained": False,
        "timm_pool": "avg",
        "timm_proj": "linear",
    }
    return replace(config, vision=vision, quick_gelu=False)
