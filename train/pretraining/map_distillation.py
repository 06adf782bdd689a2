"""Distillation of a network's maps: what lies between its layers, place by place.

An embedding is a thousand numbers a window; the maps below it are fifty thousand, so that a window
teaches more, and is not learned by heart as soon (FitNets, Romero et al. 2015, arXiv 1412.6550, at
several layers).
"""

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional

from edge.contract.errors import ConfigError
from train.model.towers import CnnTower

_LOOKED_AT = 1000
"""Mixtures whose maps are standardised by."""
_LEAST_DEVIATION, _LEAST_FEATURE = 1e-3, 0.05
_LOWER = 0.5
"""Weight of a stage's map, as a share of that above it."""


class MapLoss(nn.Module):
    """Cost of maps that are not the network's.

    A stage's map is normalised and mapped linearly to the network's, which is standardised channel
    by channel. The last ones are local features, of which below 0 is as good as 0.

    Args:
        maps: float16[mixtures, channels, frames, bins] of the network, from below.
        widths: channels of the student's maps, of which the last one has the network's.
    """

    def __init__(self, maps: Sequence[Tensor], widths: Sequence[int]) -> None:
        super().__init__()
        self._maps, self.count, self.mixtures = maps, len(maps), len(maps[0])
        *stages, local = maps
        self.stages = nn.ModuleList(
            nn.Sequential(nn.BatchNorm2d(width), nn.Conv2d(width, found.shape[1], 1))
            for width, found in zip(widths, stages, strict=False)
        )
        moments = [_moments(found) for found in stages]
        self._means = nn.ParameterList(_fixed(mean) for mean, _ in moments)
        self._deviations = nn.ParameterList(_fixed(spread) for _, spread in moments)
        _, spread = _moments(local.clamp(min=0))
        self._features = _fixed(spread.clamp(min=_LEAST_FEATURE))

    def forward(self, maps: Sequence[Tensor], mixtures: Tensor) -> Tensor:
        """The loss of a student's maps.

        Args:
            maps: float32[windows, channels, frames, bins] each, from below.
            mixtures: int64[windows], which mixtures the windows are.
        """
        wanted = [found[mixtures.cpu()].float().to(maps[0].device) for found in self._maps]
        value = _of_features(maps[-1], wanted[-1], self._features)
        below = len(self.stages) - 1
        for n, (layer, own) in enumerate(zip(self.stages, maps, strict=False)):
            target = (wanted[n] - self._means[n]) / self._deviations[n]
            value += _LOWER ** (below - n) * functional.mse_loss(*_overlap(layer(own), target))
        return value


def make_map_loss(tower: nn.Module, maps: Sequence[Tensor]) -> MapLoss:
    """The loss that fits a tower to the maps of some mixtures.

    Raises:
        ConfigError: there are no maps, or the tower has no such ones.
    """
    if not maps:
        raise ConfigError("map_weight: there are no maps; they are kept of `mixtures`")
    features = maps[-1].shape[1]
    if not isinstance(tower, CnnTower) or tower.local is None or tower.hidden != features:
        raise ConfigError(f"map_weight: needs a CNN with local_features={features}, the network's")
    widths = tower.widths(len(maps))
    if len(widths) < len(maps):
        raise ConfigError(f"cnn: has {len(widths)} stages, the network {len(maps) - 1}")
    return MapLoss(maps, widths)


def _of_features(found: Tensor, wanted: Tensor, deviation: Tensor) -> Tensor:
    found, wanted = _overlap(found, wanted)
    error = torch.where(wanted > 0, found - wanted, functional.relu(found))
    return (error / deviation).square().mean()


def _overlap(left: Tensor, right: Tensor) -> tuple[Tensor, Tensor]:
    """The places that both maps have: a front end may make a frame more."""
    frames, bins = (min(left.shape[n], right.shape[n]) for n in (2, 3))
    return left[:, :, :frames, :bins], right[:, :, :frames, :bins]


def _moments(maps: Tensor) -> tuple[Tensor, Tensor]:
    """Mean and deviation of each channel, float32[channels, 1, 1]."""
    some = maps[:: -(-len(maps) // _LOOKED_AT)].float()
    mean, deviation = some.mean(dim=(0, 2, 3)), some.std(dim=(0, 2, 3)) + _LEAST_DEVIATION
    return mean[:, None, None], deviation[:, None, None]


def _fixed(values: Tensor) -> nn.Parameter:
    return nn.Parameter(values, requires_grad=False)
