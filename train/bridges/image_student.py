"""The image student: an open_clip tower that embeds every place of a picture.

A convolutional tower's map before pooling, or a transformer's patches after a last layer without
attention, go through the tower's own projection place by place: a 1 x 1 convolution ("MaskCLIP";
Zhou et al. 2022, arXiv 2112.01071, section 3.2). It begins as the frozen teacher, so that its
places lie in the teacher's space, and anchors, gallery and sounds can be compared with them.
"""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from PIL import Image
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor, nn
from torch.nn import functional

from edge.contract.atomic import write_atomic
from edge.contract.errors import ConfigError, DatasetError
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
        ConfigError: a tower that has no places, such as one with attentional pooling.
    """

    def __init__(self, config: TowerConfig) -> None:
        super().__init__()
        from open_clip.model import _build_vision_tower

        self.config = config
        self.visual = _build_vision_tower(config.dim, dict(config.vision), config.quick_gelu)
        if not (_is_trunk(self.visual) or _is_transformer(self.visual)):
            raise ConfigError(
                f"image_student: {type(self.visual).__name__} with this pooling has no places; "
                "give timm:NAME"
            )

    @property
    def grid(self) -> tuple[int, int]:
        """Rows and columns of places."""
        side = self.config.side
        with judging(self), torch.inference_mode():
            _, rows, columns, _ = self(torch.zeros(1, 3, side, side)).shape
        return rows, columns

    def forward(self, picture: Tensor) -> Tensor:
        """float32[batch, 3, side, side] -> float32[batch, h, w, dim], unit over dim."""
        if _is_trunk(self.visual):
            places = self.visual.head(_trunk_places(self.visual.trunk, picture))
        else:
            places = _patches(self.visual, picture)
        return functional.normalize(places, dim=-1)


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


def save_image_student(folder: Path, student: ImageStudent, space_id: str) -> None:
    """Write it beside a run's checkpoint; image_student.json comes last."""
    write_atomic(folder / WEIGHTS, weights_bytes(student.visual.state_dict()))
    config = student.config
    meta = {
        "space_id": space_id,
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
    return TowerConfig(dim=config.dim, vision=vision, preprocess=config.preprocess)


@contextmanager
def judging(module: nn.Module) -> Iterator[None]:
    """A module as it is when in use; afterwards as it was."""
    was = module.training
    module.eval()
    yield
    module.train(was)


def _is_trunk(visual: Any) -> bool:
    """True for a tower of timm's with a projection that treats places alike."""
    from open_clip.timm_model import TimmModel

    return isinstance(visual, TimmModel) and "pool" not in visual.head._modules


def _is_transformer(visual: Any) -> bool:
    from open_clip.transformer import ResidualAttentionBlock, VisionTransformer

    return (
        isinstance(visual, VisionTransformer)
        and visual.attn_pool is None
        and visual.proj is not None
        and isinstance(visual.transformer.resblocks[-1], ResidualAttentionBlock)
    )


def _trunk_places(trunk: Any, picture: Tensor) -> Tensor:
    features: Tensor = trunk.forward_features(picture)
    if features.ndim == 4:
        return features.movedim(1, 3)
    patches = features[:, trunk.num_prefix_tokens :]
    return patches.reshape(len(patches), *trunk.patch_embed.grid_size, -1)


def _patches(visual: Any, picture: Tensor) -> Tensor:
    """Patches whose last layer passes on their own values: mixed, they would blur the places."""
    tokens = visual._embeds(picture)
    *blocks, last = visual.transformer.resblocks
    for block in blocks:
        tokens = block(tokens)
    patches: Tensor = visual.ln_post(_alone(last, tokens[:, 1:])) @ visual.proj
    return patches.reshape(len(patches), *visual.grid_size, -1)


def _alone(block: Any, tokens: Tensor) -> Tensor:
    """A transformer's layer in which each token attends to itself alone: [batch, n, width]."""
    width, attention = tokens.shape[-1], block.attn
    weight, bias = attention.in_proj_weight[-width:], attention.in_proj_bias[-width:]
    values = attention.out_proj(functional.linear(block.ln_1(tokens), weight, bias))
    tokens = tokens + block.ls_1(values)
    found: Tensor = tokens + block.ls_2(block.mlp(block.ln_2(tokens)))
    return found
