"""Image towers that embed every place of a picture in place of the whole (dense CLIP).

The last pooling is left out, and what follows it is done to each place ("MaskCLIP"; Zhou et al.
2022, arXiv 2112.01071, section 3.2): nothing is trained, and a place lies in the tower's space.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from edge.contract.errors import DatasetError


class DenseCnn(nn.Module):
    """A convolutional tower of timm in open_clip, its head applied to places.

    Where that is linear, as in the starter's tower and the aviary's, the mean over places, before
    they are made unit rows, is the embedding of the picture.
    """

    def __init__(self, visual: Any) -> None:
        super().__init__()
        self.visual = visual

    def forward(self, picture: Tensor) -> Tensor:
        """float32[batch, 3, side, side] -> float32[batch, height, width, dim]."""
        trunk = self.visual.trunk
        features: Tensor = trunk.forward_features(picture)  # [batch, channels, height, width]
        _, channels, height, width = features.shape
        # A picture of one place has that place as its mean.
        single = features.movedim(1, 3).reshape(-1, channels, 1, 1)
        places: Tensor = self.visual.head(trunk.forward_head(single))
        return places.reshape(-1, height, width, places.shape[-1])


class DenseVit(nn.Module):
    """A vision transformer of open_clip whose last layer passes on values, not their mixture.

    What attention gathers from everywhere would blur the places: its values alone stay at them.
    """

    def __init__(self, visual: Any) -> None:
        super().__init__()
        self.visual = visual

    def forward(self, picture: Tensor) -> Tensor:
        """float32[batch, 3, side, side] -> float32[batch, height, width, dim]."""
        tokens: Tensor = self.visual._embeds(picture)  # [batch, 1 + places, width]
        *blocks, last = self.visual.transformer.resblocks
        for block in blocks:
            tokens = block(tokens)
        places = self.visual.ln_post(_value_path(last, tokens[:, 1:])) @ self.visual.proj
        laid_out: Tensor = places.unflatten(1, self.visual.grid_size)
        return laid_out


class DenseTimmVit(nn.Module):
    """A vision transformer of timm in open_clip, its head applied to the patches as they are."""

    def __init__(self, visual: Any) -> None:
        super().__init__()
        self.visual = visual

    def forward(self, picture: Tensor) -> Tensor:
        """float32[batch, 3, side, side] -> float32[batch, height, width, dim]."""
        trunk = self.visual.trunk
        patches = trunk.forward_features(picture)[:, trunk.num_prefix_tokens :]
        places = self.visual.head(patches)
        laid_out: Tensor = places.unflatten(1, trunk.patch_embed.grid_size)
        return laid_out


class UnitPlaces(nn.Module):
    """A dense tower whose places are unit rows; those without any feature stay zero."""

    def __init__(self, dense: nn.Module) -> None:
        super().__init__()
        self.dense = dense

    def forward(self, picture: Tensor) -> Tensor:
        """float32[batch, 3, side, side] -> float32[batch, height, width, dim]."""
        places: Tensor = self.dense(picture)
        return functional.normalize(places, dim=-1)


def dense_tower(visual: Any) -> nn.Module:
    """The places of an image tower.

    Args:
        visual: open_clip's.

    Raises:
        DatasetError: a tower whose last step is no pooling that could be left out.
    """
    import timm
    from open_clip.timm_model import TimmModel
    from open_clip.transformer import ResidualAttentionBlock, VisionTransformer

    if isinstance(visual, TimmModel) and "pool" not in visual.head._modules:
        if _is_cnn(visual):
            return DenseCnn(visual)
        if isinstance(visual.trunk, timm.models.VisionTransformer):
            return DenseTimmVit(visual)
    projected = isinstance(visual, VisionTransformer) and visual.proj is not None
    if projected and visual.attn_pool is None:
        blocks = visual.transformer.resblocks
        if all(isinstance(block, ResidualAttentionBlock) for block in blocks):
            return DenseVit(visual)
    raise DatasetError(
        f"the image tower is a {_described(visual)}, whose places have no embeddings; expected a "
        "vision transformer of open_clip or timm, or a CNN of timm with a mean over places"
    )


@contextmanager
def judging(module: nn.Module) -> Iterator[None]:
    """A module as it is when in use; afterwards as it was."""
    was = module.training
    module.eval()
    yield
    module.train(was)


def _value_path(block: Any, tokens: Tensor) -> Tensor:
    """A transformer layer in which each token attends to itself alone: [..., width], likewise."""
    attention, width = block.attn, tokens.shape[-1]
    weight, bias = attention.in_proj_weight[-width:], attention.in_proj_bias[-width:]
    values = attention.out_proj(functional.linear(block.ln_1(tokens), weight, bias))
    tokens = tokens + block.ls_1(values)
    found: Tensor = tokens + block.ls_2(block.mlp(block.ln_2(tokens)))
    return found


def _is_cnn(visual: Any) -> bool:
    """True where features are laid out as channels and places."""
    with judging(visual), torch.inference_mode():
        features = visual.trunk.forward_features(torch.zeros(1, 3, *visual.image_size))
    return bool(features.ndim == 4 and features.shape[1] == visual.trunk.num_features)


def _described(visual: Any) -> str:
    trunk = getattr(visual, "trunk", None)
    return type(visual).__name__ if trunk is None else f"{type(trunk).__name__} of timm"
