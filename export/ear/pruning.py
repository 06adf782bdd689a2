"""Half of a network's channels, and what is left fitted to do the whole network's work.

Within an inverted residual channels are independent of each other until they are projected. Those
that weigh least are left out, and the projection is fitted anew, so that the block gives what the
network's own gives for the same sounds: channel pruning by reconstruction (He et al. 2017, arXiv
1707.06168). From block to block each is fitted on what the former ones really give.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional

from train.model.inherited import Excitation, InheritedTower, InvertedResidual

_PRIOR = 0.3
"""Of weights that stay near to what they were."""
_POSITIONS = 60_000
"""Of a feature map that a fit looks at; as many as fit in memory, drawn at random."""


def fitted(
    below: Tensor, above: Tensor, weights: Tensor, prior: float = _PRIOR
) -> tuple[Tensor, Tensor]:
    """Weights near to given ones, and a bias, by ridge regression on the difference.

    Args:
        below: float32[n, inputs].
        above: float32[n, outputs] that are to be predicted.
        weights: float32[inputs, outputs] to stay near to.
        prior: how near, relative to the mean energy of an input.

    Returns:
        float32[inputs, outputs] and float32[outputs].
    """
    chosen = torch.randperm(len(below))[:_POSITIONS]
    below, above = below[chosen], above[chosen]
    mean, left = below.mean(dim=0), above - below @ weights
    centred = (below - mean).double()
    energy = centred.T @ centred
    ridge = prior * energy.diagonal().mean() * torch.eye(len(energy), dtype=torch.float64)
    change = torch.linalg.solve(energy + ridge, centred.T @ (left - left.mean(dim=0)).double())
    found = weights + change.float()
    return found, (above - below @ found).mean(dim=0)


def bias_of(layer: nn.Conv2d) -> Tensor:
    """Bias of a convolution that has one."""
    if layer.bias is None:
        raise ValueError("a convolution without a bias")
    return layer.bias


@torch.no_grad()
def fit_pointwise(layer: nn.Conv2d, below: Tensor, above: Tensor, prior: float = _PRIOR) -> None:
    """Fit a convolution of 1 x 1.

    Args:
        layer: of `inputs` to `outputs`.
        below: float32[batch, inputs, frames, bins].
        above: float32[batch, outputs, frames, bins].
        prior: see `fitted`.
    """
    before = layer.weight[:, :, 0, 0].T
    weights, bias = fitted(_rows(below), _rows(above), before, prior)
    layer.weight.copy_(weights.T[:, :, None, None])
    bias_of(layer).copy_(bias)


@torch.no_grad()
def prune(tower: InheritedTower, below: Tensor, targets: list[Tensor], share: float) -> None:
    """Leave out channels of every block, in place.

    Args:
        tower: with all of the network's channels.
        below: float32[batch, stem, frames, bins] that the first block is given.
        targets: what the network's own blocks give for the same sounds, a block each.
        share: of the channels that stays.
    """
    for block, above in zip(tower.each_block(), targets, strict=True):
        narrow(block, below, share)
        left = above - below if block.residual else above
        excited = block.excited(below)
        fit_pointwise(block.project, excited, left)
        below = block.joined(below, excited)


@torch.no_grad()
def narrow(block: InvertedResidual, below: Tensor, share: float) -> None:
    """Keep the channels of a block that weigh most in what it gives."""
    wide = block.filtered(below)
    energy = block.project.weight.square().sum(dim=(0, 2, 3))
    weight = block.excite(wide).std(dim=(0, 2, 3)) * energy.sqrt()
    kept = weight.topk(max(round(share * len(weight)), 1)).indices.sort().values
    if isinstance(block.excite, Excitation):
        _narrow_excitation(block.excite, wide, kept)
    block.expand = _conv(block.expand, kept, slice(None))
    block.filter = _conv(block.filter, kept, slice(None))
    block.project = _conv(block.project, slice(None), kept)


def _narrow_excitation(excite: Excitation, wide: Tensor, kept: Tensor) -> None:
    """Let the other channels tell what those left out told of the sound, as far as they know it."""
    means = wide.mean(dim=(2, 3), keepdim=True)
    before = functional.conv2d(means, excite.squeeze.weight, excite.squeeze.bias)
    excite.squeeze = _conv(excite.squeeze, slice(None), kept)
    fit_pointwise(excite.squeeze, means[:, kept], before)
    excite.spread = _conv(excite.spread, kept, slice(None))


def _conv(layer: nn.Conv2d, outputs: Tensor | slice, inputs: Tensor | slice) -> nn.Conv2d:
    """Some of a convolution's channels."""
    weight = layer.weight[outputs][:, inputs]
    groups = len(weight) if layer.groups > 1 else 1
    kept = nn.Conv2d(
        weight.shape[1] * groups,
        len(weight),
        kernel_size=layer.kernel_size,  # type: ignore[arg-type]
        stride=layer.stride,  # type: ignore[arg-type]
        padding=layer.padding,  # type: ignore[arg-type]
        groups=groups,
    )
    kept.weight.copy_(weight)
    bias_of(kept).copy_(bias_of(layer)[outputs])
    return kept


def _rows(maps: Tensor) -> Tensor:
    return maps.permute(0, 2, 3, 1).flatten(0, 2)
