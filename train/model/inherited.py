"""A tower that begins with the layers of a ready network, BirdNET's (export/ear/tower.py).

What millions of recordings taught a network's kernels can't be learned anew from some hundred; so
a student keeps those that weigh most (export/ear/pruning.py), and hears half as many frames. They
are EfficientNet's (Tan & Le 2019, arXiv 1905.11946): inverted residuals with
squeeze-and-excitation, whose batch norm the kernels have taken up.
"""

from collections.abc import Iterator
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional

from train.model.layers import depths_of, recompute

INHERITED = "inherited"
_RANGE_DB = -70.0
_POWER = 0.2
"""Of the loudness: nearly what the network raises its own spectrograms to."""
_STEM = 4
"""Side of the stem's kernel."""


class BlockSize(NamedTuple):
    """An inverted residual's."""

    width: int
    """Channels that it gives."""
    wide: int
    """Channels within."""
    squeezed: int
    """Width of the excitation; 0: none."""
    stride: int = 1


class InheritedTower(nn.Module):
    """A CNN over two views of the log-mel, each on the frequency scale of one of the network's.

    Args:
        config: `mel_bins` of the log-mel, `bins` of both views, the width of the `stem`, the
            sizes of the `blocks`, and `hidden`, the width of the features.
    """

    depthwise = True

    def __init__(self, config: dict[str, Any]) -> None:
        super().__init__()
        stem, bins, self.hidden = config["stem"], config["bins"], config["hidden"]
        self.scales = nn.Parameter(torch.zeros(2, config["mel_bins"], bins))
        self.floors = nn.Parameter(torch.zeros(2, 1, bins))
        self.stem = nn.Conv2d(2, stem, _STEM, stride=(1, 2), padding=(0, 1))
        self.pooled = nn.Conv2d(2 * stem, stem, 1)
        sizes = [BlockSize(*row) for row in config["blocks"]]
        widths = [stem, *(size.width for size in sizes)]
        self.blocks = nn.Sequential(*map(InvertedResidual, widths, sizes))
        self.gain = nn.Parameter(torch.ones(widths[-1], 1, 1))
        self.shift = nn.Parameter(torch.zeros(widths[-1], 1, 1))
        self.last = nn.Conv2d(widths[-1], self.hidden, 3)
        # On a processor convolutions are faster with the channels side by side.
        self.to(memory_format=torch.channels_last)

    def each_block(self) -> Iterator["InvertedResidual"]:
        """Its blocks, from below."""
        for block in self.blocks:
            assert isinstance(block, InvertedResidual)
            yield block

    def depths(self) -> dict[str, int]:
        """Layer of each parameter by name, 0 the lowest."""
        layers = [(self.stem, self.pooled), *((block,) for block in self.each_block())]
        return {**depths_of(self, layers), "scales": 0, "floors": 0}

    def recompute(self) -> None:
        """Keep only what goes into a block for the backward pass."""
        recompute(self.each_block())

    def forward(self, log_mel: Tensor) -> Tensor:
        """float32[batch, 1, frames, mel_bins] -> float32[batch, hidden], none below 0."""
        return self.above_stem(self.pooled(self.stemmed(self.views(log_mel))))

    def above_stem(self, pooled: Tensor) -> Tensor:
        """float32[batch, stem, frames, bins] -> float32[batch, hidden]."""
        found = self.blocks(pooled) * self.gain + self.shift
        return functional.relu(self.last(functional.relu(found))).mean(dim=(2, 3))

    def views(self, log_mel: Tensor) -> Tensor:
        """float32[batch, 1, frames, mel_bins] -> float32[batch, 2, frames, bins]."""
        return loudness(log_mel) @ self.scales + self.floors

    def stemmed(self, views: Tensor) -> Tensor:
        """float32[batch, 2, frames, bins] -> float32[batch, 2 * stem, frames / 2, bins / 2]."""
        laid = functional.pad(views, (0, 0, 0, 1)).contiguous(memory_format=torch.channels_last)
        seen = functional.relu(self.stem(laid))
        pooled = (functional.max_pool2d(seen, (2, 1)), functional.avg_pool2d(seen, (2, 1)))
        return torch.cat(pooled, dim=1)


def loudness(log_mel: Tensor) -> Tensor:
    """Power relative to the loudest point, compressed: float32[..., frames, mel_bins], 0 to 1."""
    loudest = log_mel.amax(dim=(-2, -1), keepdim=True)
    return 10 ** (_POWER / 10 * (log_mel - loudest).clamp(min=_RANGE_DB))


class InvertedResidual(nn.Module):
    """An inverted residual: widen, filter every channel, excite, narrow."""

    def __init__(self, width: int, size: BlockSize) -> None:
        super().__init__()
        wide = size.wide
        self.expand = nn.Conv2d(width, wide, 1)
        self.filter = nn.Conv2d(wide, wide, 3, size.stride, padding=1, groups=wide)
        self.excite = Excitation(wide, size.squeezed) if size.squeezed else nn.Identity()
        self.project = nn.Conv2d(wide, size.width, 1)
        self.residual = size.stride == 1

    @property
    def size(self) -> BlockSize:
        """As it is now."""
        squeezed = self.excite.squeeze.out_channels if isinstance(self.excite, Excitation) else 0
        wide, stride = self.project.in_channels, self.filter.stride[0]
        return BlockSize(self.project.out_channels, wide, squeezed, stride)

    def forward(self, below: Tensor) -> Tensor:
        """float32[batch, width, frames, bins], halved if it strides."""
        return self.joined(below, self.excited(below))

    def joined(self, below: Tensor, excited: Tensor) -> Tensor:
        """The channels projected, on top of what the block was given."""
        found: Tensor = self.project(excited)
        return below + found if self.residual else found

    def excited(self, below: Tensor) -> Tensor:
        """Channels before they are projected."""
        found: Tensor = self.excite(self.filtered(below))
        return found

    def filtered(self, below: Tensor) -> Tensor:
        """Channels before they are excited."""
        return functional.silu(self.filter(functional.silu(self.expand(below))))


class Excitation(nn.Module):
    """Weight of every channel by what all of the window holds."""

    def __init__(self, width: int, squeezed: int) -> None:
        super().__init__()
        self.squeeze = nn.Conv2d(width, squeezed, 1)
        self.spread = nn.Conv2d(squeezed, width, 1)

    def forward(self, channels: Tensor) -> Tensor:
        """The channels, weighted."""
        squeezed = functional.silu(self.squeeze(channels.mean(dim=(2, 3), keepdim=True)))
        return channels * torch.sigmoid(self.spread(squeezed))
