"""An image tower's transformer that hears: a log-mel is to it a picture in shades of grey.

VIP-ANT (Zhao et al. 2022, arXiv 2112.08995) begins the audio tower with CLIP's image tower: the
kernel of its patches averaged over the colours, patches that overlap, positions interpolated. It is
open_clip's own transformer here, so the weights keep their names.
"""

from dataclasses import dataclass
from functools import partial
from typing import Any

import torch
from open_clip.transformer import LayerNorm, QuickGELU, VisionTransformer
from torch import Tensor, nn
from torch.nn import functional

from train.model.layers import depths_of

SPECTROGRAM_VIT = "spectrogram_vit"
_RANGE_DB = -70.0
Grid = tuple[int, int]
"""Rows and columns of patches: along the frames, along the mel bins."""


@dataclass(frozen=True)
class PatchSpec:
    """Patches of a log-mel, as settings give them; what is 0 follows from the image tower."""

    side: int = 0
    stride_frames: int = 0
    stride_bins: int = 0

    def sizes(self, side: int) -> tuple[int, Grid]:
        """Side and stride: half a patch along time and three quarters along frequency, as VIP-ANT.

        Args:
            side: of the image tower's patches.
        """
        patch = self.side or side
        return patch, (self.stride_frames or patch // 2, self.stride_bins or patch * 3 // 4)


class SpectrogramVit(VisionTransformer):  # type: ignore[misc]
    """A vision transformer over patches of a log-mel, with a class token.

    Args:
        config: `width`, `layers`, `heads`, `mlp_ratio`, `quick_gelu`, `layer_scale`, `pre_norm`,
            `pool` and `epsilon` of the transformer; side of a `patch`, its `stride` in frames and
            mel bins, the `grid` that the positions are of; `dark` and `bright`, the shades of the
            floor and of the loudest point.
    """

    depthwise = False

    def __init__(self, config: dict[str, Any]) -> None:
        super().__init__(
            image_size=config["patch"],
            patch_size=config["patch"],
            width=config["width"],
            layers=config["layers"],
            heads=config["heads"],
            mlp_ratio=config["mlp_ratio"],
            ls_init_value=config["layer_scale"] or None,
            no_ln_pre=not config["pre_norm"],
            pool_type=config["pool"],
            act_layer=QuickGELU if config["quick_gelu"] else nn.GELU,
            norm_layer=partial(LayerNorm, eps=config["epsilon"]),
        )
        self.grid: Grid = tuple(config["grid"])
        self.shades = config["dark"], config["bright"]
        self.hidden: int = config["width"]
        self.conv1 = nn.Conv2d(
            1, self.hidden, config["patch"], stride=tuple(config["stride"]), bias=False
        )
        places = 1 + self.grid[0] * self.grid[1]
        self.positional_embedding = nn.Parameter(
            self.hidden**-0.5 * torch.randn(places, self.hidden)
        )
        self.proj = None  # the student's projection

    def forward(self, log_mel: Tensor) -> Tensor:
        """float32[batch, 1, frames, mel_bins] -> float32[batch, width]."""
        features: Tensor = super().forward(greyscale(log_mel, *self.shades))
        return features

    def _embeds(self, picture: Tensor) -> Tensor:
        """Tokens, the class first: float32[batch, 1 + patches, width], as open_clip has them.

        A window of another length than the tower's has its positions interpolated.
        """
        patches: Tensor = self.conv1(picture)
        rows, columns = patches.shape[2:]
        positions = laid_on(self.positional_embedding, self.grid, (rows, columns))
        first = self.class_embedding.expand(patches.shape[0], 1, -1)
        tokens: Tensor = torch.cat([first, patches.flatten(2).transpose(1, 2)], dim=1)
        normed: Tensor = self.ln_pre(tokens + positions)
        return normed

    def depths(self) -> dict[str, int]:
        """Layer of each parameter by name, 0 the lowest: the patches, then its blocks."""
        blocks = [(block,) for block in self.transformer.resblocks]
        lowest = {"class_embedding": 0, "positional_embedding": 0}
        return {**depths_of(self, [(self.conv1, self.ln_pre), *blocks]), **lowest}

    def recompute(self) -> None:
        """Keep only what goes into a block for the backward pass."""
        self.set_grad_checkpointing()


def greyscale(log_mel: Tensor, dark: float, bright: float) -> Tensor:
    """Decibels below the loudest point, from `dark` at -70 dB to `bright` at it.

    Padding lies on the front end's floor before this, so it is dark: silence, not the +0.858 that
    VIP-ANT's zeros become by its (x + 4.938) / 5.758.
    """
    below = (log_mel - log_mel.amax(dim=(2, 3), keepdim=True)).clamp(min=_RANGE_DB)
    return bright + (bright - dark) / -_RANGE_DB * below


def averaged_kernel(kernel: Tensor, side: int) -> Tensor:
    """A kernel of patches for pictures of one channel: the mean over colours, not the sum.

    To a picture whose three channels are equal it answers a third of what the old one did.

    Args:
        kernel: float32[width, 3, old side, old side].
        side: of the new patches, to which it is resized bilinearly.

    Returns:
        float32[width, 1, side, side].
    """
    mean = kernel.mean(dim=1, keepdim=True)
    if mean.shape[2:] == (side, side):
        return mean
    return functional.interpolate(mean, (side, side), mode="bilinear", align_corners=False)


def laid_on(positions: Tensor, grid: Grid, wanted: Grid) -> Tensor:
    """Positions of another grid, bilinear; that of the class token stays.

    Args:
        positions: float32[1 + rows * columns, width].
        grid: rows and columns that they are of.
        wanted: rows and columns.
    """
    if grid == tuple(wanted):
        return positions
    first, rest = positions[:1], positions[1:].T.reshape(1, -1, *grid)
    laid = functional.interpolate(rest, tuple(wanted), mode="bilinear", align_corners=False)
    return torch.cat([first, laid.flatten(2)[0].T])


def grid_of(frames: int, mel_bins: int, patch: int, stride: Grid) -> Grid:
    """Patches of a window: 61 x 5 of 1000 frames and 128 mel bins by 32, 16 and 24."""
    return (frames - patch) // stride[0] + 1, (mel_bins - patch) // stride[1] + 1
