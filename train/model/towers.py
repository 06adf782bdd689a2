"""Audio towers: log-mel in, features out."""

from typing import Any

import timm
import torch
from torch import Tensor, nn
from transformers import ClapAudioConfig, ClapAudioModel

from edge.contract.errors import DatasetError
from train.model.inherited import INHERITED, InheritedTower

_CNN = "cnn"
_RANGE_DB = -70.0


class ClapTower(ClapAudioModel):  # type: ignore[no-untyped-call]
    """A transformers CLAP audio tower: HTSAT."""

    depthwise = False

    def forward(self, log_mel: Tensor) -> Tensor:
        """float32[batch, 1, frames, mel_bins] -> float32[batch, hidden]."""
        pooled: Tensor = super().forward(input_features=log_mel).pooler_output
        return pooled

    def train(self, mode: bool = True) -> "ClapTower":
        """Train, but keep BatchNorm's statistics as pretrained: batches here may be small."""
        super().train(mode)
        for module in self.modules():
            if isinstance(module, nn.BatchNorm2d):
                module.eval()
        return self


def cnn_config(name: str) -> dict[str, Any]:
    """Configuration that `make_tower` needs of a CNN.

    Raises:
        DatasetError: timm knows none of that name.
    """
    if not timm.is_model(name):
        raise DatasetError(f"student: timm knows no model {name!r}; try cnn:mobilenetv3_small_100")
    return {"model_type": _CNN, "name": name}


class CnnTower(nn.Module):
    """A small timm CNN over the same log-mel: `lite`.

    It sees a window relative to its loudest point, in decibels and as magnitudes: how loud a bird
    is says nothing about its species.

    Args:
        name: what timm calls it.
    """

    def __init__(self, name: str) -> None:
        super().__init__()
        cnn: Any = timm.create_model(name, in_chans=2, num_classes=0)
        # timm's MobileNets end in a layer wider than their last stage.
        self.hidden = int(getattr(cnn, "head_hidden_size", cnn.num_features))
        # On a processor convolutions are faster with the channels side by side.
        self.cnn = cnn.to(memory_format=torch.channels_last)
        self.depthwise = any(
            isinstance(module, nn.Conv2d) and module.groups == module.in_channels > 1
            for module in cnn.modules()
        )

    def forward(self, log_mel: Tensor) -> Tensor:
        """float32[batch, 1, frames, mel_bins] -> float32[batch, hidden]."""
        features: Tensor = self.cnn(_relative(log_mel))
        return features


def _relative(log_mel: Tensor) -> Tensor:
    """float32[batch, 1, frames, mel_bins] in dB -> [batch, 2, frames, mel_bins] around 0."""
    below = (log_mel - log_mel.amax(dim=(2, 3), keepdim=True)).clamp(min=_RANGE_DB)
    decibels = 2 * below / -_RANGE_DB + 1
    both = torch.cat([decibels, 10 ** (below / 20)], dim=1)
    return both.contiguous(memory_format=torch.channels_last)


def make_tower(config: dict[str, Any]) -> tuple[ClapTower | CnnTower | InheritedTower, int]:
    """A tower with random weights, and the width of its features.

    Args:
        config: a ClapAudioConfig as a dictionary, or by its `model_type` what a CNN or an inherited
            tower needs.
    """
    if config["model_type"] == INHERITED:
        inherited = InheritedTower(config)
        return inherited, inherited.hidden
    if config["model_type"] == _CNN:
        tower = CnnTower(config["name"])
        return tower, tower.hidden
    clap = ClapAudioConfig(**config)
    return ClapTower(clap), int(clap.hidden_size)
