"""A student that starts from the image tower of its teacher: `student=vit:TEACHER`."""

from dataclasses import dataclass
from typing import Any

import torch
from open_clip.transformer import (
    LayerNorm,
    LayerScale,
    QuickGELU,
    ResidualAttentionBlock,
    VisionTransformer,
)
from torch import Tensor, nn

from edge.contract.errors import ConfigError, DatasetError
from train.model.frontend import LogMelSpec
from train.model.spectrogram_vit import (
    SPECTROGRAM_VIT,
    Grid,
    PatchSpec,
    averaged_kernel,
    grid_of,
    laid_on,
)
from train.model.start import StudentInit
from train.model.student import Student


@dataclass(frozen=True, kw_only=True)
class ImageStart(StudentInit):
    """Start of a student: the transformer of an image tower, and its last layer."""

    last: Tensor
    """float32[width, dim], the image tower's projection to the teacher's space."""

    def student(self, dim: int, projection_hidden: int = 0) -> Student:
        """The student; a linear projection begins as the image tower's."""
        student = super().student(dim, projection_hidden)
        if isinstance(student.projection, nn.Linear) and self.last.shape[1] == dim:
            with torch.no_grad():
                student.projection.weight.copy_(self.last.T)
                student.projection.bias.zero_()
        return student


def open_image_tower(
    name: str, spec: LogMelSpec, window_s: float, patches: PatchSpec | None = None
) -> ImageStart:
    """The start that an open_clip model's image tower gives.

    Args:
        name: of the model, `local-dir:PATH` or `hf-hub:...`.
        spec: of the front end.
        window_s: length of a window, for which the positions are laid.
        patches: how a log-mel is cut.

    Raises:
        ConfigError: a window has fewer frames or mel bins than a patch.
        DatasetError: no such model, or its image tower is none of open_clip's own transformers.
    """
    from gallery.teacher import load_teacher

    visual = load_teacher(name).model.visual.float().cpu()
    _check_kind(name, visual)
    patch, stride = (patches or PatchSpec()).sizes(visual.patch_size[0])
    grid = grid_of(spec.frames(round(window_s * spec.sample_rate_hz)), spec.mel_bins, patch, stride)
    if min(grid) < 1:
        raise ConfigError(
            f"window_s, mel_bins: a window is smaller than a patch, {patch} x {patch}"
        )
    config = {
        "model_type": SPECTROGRAM_VIT,
        "patch": patch,
        "stride": list(stride),
        "grid": list(grid),
        **_shape(visual),
        **_shades(visual.preprocess_cfg),
    }
    return ImageStart(config, spec, _weights(visual, patch, grid), last=visual.proj.detach())


def _check_kind(name: str, visual: Any) -> None:
    """Refuse towers that lack what a log-mel is given to: timm's, ResNets, pooling by attention."""
    plain = isinstance(visual, VisionTransformer) and visual.attn_pool is None
    if (
        not plain
        or visual.final_ln_after_pool
        or not all(type(block) is ResidualAttentionBlock for block in visual.transformer.resblocks)
    ):
        raise DatasetError(
            f"student: the image tower of {name} is a {type(visual).__name__}, not a plain vision "
            "transformer of open_clip's, such as that of BioCLIP-2; try student=cnn:..."
        )


def _shape(visual: Any) -> dict[str, Any]:
    """Settings by which `SpectrogramVit` is the same transformer."""
    first = visual.transformer.resblocks[0]
    return {
        "width": visual.transformer.width,
        "layers": visual.transformer.layers,
        "heads": first.attn.num_heads,
        "mlp_ratio": first.mlp.c_fc.out_features / visual.transformer.width,
        "quick_gelu": isinstance(first.mlp.gelu, QuickGELU),
        "layer_scale": float(isinstance(first.ls_1, LayerScale)),
        "pre_norm": isinstance(visual.ln_pre, LayerNorm),
        "pool": visual.pool_type,
        "epsilon": first.ln_1.eps,
    }


def _shades(preprocess: dict[str, Any]) -> dict[str, float]:
    """Black and white as the image tower is fed them, the mean of the three colours."""
    pairs = list(zip(preprocess["mean"], preprocess["std"], strict=True))
    return {
        "dark": sum(-mean / std for mean, std in pairs) / len(pairs),
        "bright": sum((1 - mean) / std for mean, std in pairs) / len(pairs),
    }


def _weights(visual: Any, patch: int, grid: Grid) -> dict[str, Tensor]:
    weights = {name: weight.clone() for name, weight in visual.state_dict().items()}
    del weights["proj"]
    weights["conv1.weight"] = averaged_kernel(weights["conv1.weight"], patch)
    positions = weights["positional_embedding"]
    weights["positional_embedding"] = laid_on(positions, visual.grid_size, grid).contiguous()
    return weights
