"""Audio towers: log-mel in, features out."""

from typing import Any

import timm
import torch
from timm.models import group_parameters
from torch import Tensor, nn
from torch.nn import functional
from torch.nn.modules.batchnorm import _BatchNorm
from transformers import ClapAudioConfig, ClapAudioModel

from edge.contract.errors import ConfigError, DatasetError
from train.model.inherited import INHERITED, InheritedTower
from train.model.layers import depths_of, recompute
from train.model.spectrogram_vit import SPECTROGRAM_VIT, SpectrogramVit

_CNN = "cnn"
_RANGE_DB = -70.0
LEAST_BINS = 96
"""Mel bins of which three are left in the last map, the side of a local feature."""


class ClapTower(ClapAudioModel):  # type: ignore[no-untyped-call]
    """A transformers CLAP audio tower: HTSAT."""

    depthwise = False

    def forward(self, log_mel: Tensor) -> Tensor:
        """float32[batch, 1, frames, mel_bins] -> float32[batch, hidden]."""
        pooled: Tensor = super().forward(input_features=log_mel).pooler_output
        return pooled

    def layers(self) -> list[tuple[nn.Module, ...]]:
        """The patches, then its blocks from below, the last of a stage with what narrows it."""
        encoder: Any = self.audio_encoder
        found: list[tuple[nn.Module, ...]] = [(encoder.batch_norm, encoder.patch_embed)]
        for stage in encoder.layers:
            *blocks, last = stage.blocks
            found += [(block,) for block in blocks]
            found.append((last, stage.downsample) if stage.downsample is not None else (last,))
        return found

    def depths(self) -> dict[str, int]:
        """Layer of each parameter by name, 0 the lowest."""
        return depths_of(self, self.layers())

    def recompute(self) -> None:
        """Keep only what goes into a block for the backward pass."""
        recompute(modules[0] for modules in self.layers()[1:])

    def train(self, mode: bool = True) -> "ClapTower":
        """Train, but keep BatchNorm's statistics as pretrained: batches here may be small."""
        super().train(mode)
        for module in self.modules():
            if isinstance(module, _BatchNorm):  # SyncBatchNorm, too, which several GPUs make of it
                module.eval()
        return self


def cnn_config(name: str, local_features: int = 0) -> dict[str, Any]:
    """Configuration that `make_tower` needs of a CNN.

    Args:
        name: what timm calls it.
        local_features: see `CnnTower`.

    Raises:
        DatasetError: timm knows none of that name.
    """
    if not timm.is_model(name):
        raise DatasetError(f"student: timm knows no model {name!r}; try cnn:mobilenetv3_small_100")
    return {"model_type": _CNN, "name": name, "local_features": local_features}


class CnnTower(nn.Module):
    """A small timm CNN over the same log-mel: `lite`.

    It sees a window relative to its loudest point, in decibels and as magnitudes: how loud a bird
    is says nothing about its species.

    Args:
        name: what timm calls it.
        local_features: width of features that are made at every place of the last map, and then
            averaged, as BirdNET's embedding is; 0: the last map is averaged.
    """

    def __init__(self, name: str, local_features: int = 0) -> None:
        super().__init__()
        cnn: Any = timm.create_model(name, in_chans=2, num_classes=0)
        # timm's MobileNets end in a layer wider than their last stage.
        averaged = int(getattr(cnn, "head_hidden_size", cnn.num_features))
        self.hidden = local_features or averaged
        self.local = LocalFeatures(cnn.num_features, local_features) if local_features else None
        # On a processor convolutions are faster with the channels side by side.
        self.cnn = cnn.to(memory_format=torch.channels_last)
        self.depthwise = any(
            isinstance(module, nn.Conv2d) and module.groups == module.in_channels > 1
            for module in cnn.modules()
        )

    def forward(self, log_mel: Tensor) -> Tensor:
        """float32[batch, 1, frames, mel_bins] -> float32[batch, hidden]."""
        if self.local is None:
            features: Tensor = self.cnn(_relative(log_mel))
            return features
        return averaged(self.local(self.cnn.forward_features(_relative(log_mel))))

    def depths(self) -> dict[str, int]:
        """Layer of each parameter by name, as timm has it, 0 the lowest."""
        layers = group_parameters(self.cnn, self.cnn.group_matcher(coarse=False), reverse=True)
        found = {f"cnn.{name}": int(depth) for name, depth in layers.items()}
        above = max(found.values()) + 1
        return {name: found.get(name, above) for name, _ in self.named_parameters()}

    def recompute(self) -> None:
        """Keep only what goes into a stage; BatchNorm hears each window twice then.

        Raises:
            ConfigError: timm can't do so with this one.
        """
        try:
            self.cnn.set_grad_checkpointing()
        except (AssertionError, AttributeError) as error:
            raise ConfigError("gradient_checkpointing: not with this CNN of timm's") from error

    def maps(self, log_mel: Tensor, count: int) -> list[Tensor]:
        """Maps of its last stages, and the local features before they are averaged.

        Args:
            log_mel: float32[batch, 1, frames, mel_bins].
            count: of the maps, float32[batch, channels, frames, bins] each, from below.
        """
        assert self.local is not None
        last, stages = self.cnn.forward_intermediates(_relative(log_mel), indices=count - 1)
        return [*stages, self.local(last)]

    def widths(self, count: int) -> list[int]:
        """Channels of `maps`, as many as there are."""
        stages = [int(stage["num_chs"]) for stage in self.cnn.feature_info]
        return [*stages[1 - count :], self.hidden]


class LocalFeatures(nn.Module):
    """Features at every place of a map, each of its neighbourhood; what is below 0 is none."""

    def __init__(self, channels: int, features: int) -> None:
        super().__init__()
        self.filter = nn.Conv2d(channels, channels, 3, groups=channels, bias=False)
        self.norm = nn.BatchNorm2d(channels)
        self.mix = nn.Conv2d(channels, features, 1)

    def forward(self, last: Tensor) -> Tensor:
        """float32[batch, channels, frames, bins] -> [batch, features, frames - 2, bins - 2]."""
        found: Tensor = self.mix(self.norm(self.filter(last)))
        return found


def averaged(local: Tensor) -> Tensor:
    """Local features of a window: float32[batch, features, frames, bins] -> [batch, features]."""
    return functional.relu(local).mean(dim=(2, 3))


def _relative(log_mel: Tensor) -> Tensor:
    """float32[batch, 1, frames, mel_bins] in dB -> [batch, 2, frames, mel_bins] around 0."""
    below = (log_mel - log_mel.amax(dim=(2, 3), keepdim=True)).clamp(min=_RANGE_DB)
    decibels = 2 * below / -_RANGE_DB + 1
    both = torch.cat([decibels, 10 ** (below / 20)], dim=1)
    return both.contiguous(memory_format=torch.channels_last)


def make_tower(
    config: dict[str, Any],
) -> tuple[ClapTower | CnnTower | InheritedTower | SpectrogramVit, int]:
    """A tower with random weights, and the width of its features.

    Args:
        config: a ClapAudioConfig as a dictionary, or by its `model_type` what a CNN, an inherited
            tower or an image tower's transformer needs.
    """
    if config["model_type"] == SPECTROGRAM_VIT:
        vit = SpectrogramVit(config)
        return vit, vit.hidden
    if config["model_type"] == INHERITED:
        inherited = InheritedTower(config)
        return inherited, inherited.hidden
    if config["model_type"] == _CNN:
        tower = CnnTower(config["name"], config.get("local_features", 0))
        return tower, tower.hidden
    clap = ClapAudioConfig(**config)
    return ClapTower(clap), int(clap.hidden_size)
