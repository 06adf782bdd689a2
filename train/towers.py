"""Audio towers: log-mel in, features out."""

from typing import Any

import timm
from torch import Tensor, nn
from transformers import ClapAudioConfig, ClapAudioModel

from edge.contract.errors import DatasetError

_CNN = "cnn"
CNN_FEATURES = 256
"""As many as a hint has (train/hints.py), so that a CNN's features can be the hint itself."""


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


def cnn_config(name: str, mel_bins: int) -> dict[str, Any]:
    """What `make_tower` needs to know about a CNN.

    Raises:
        DatasetError: timm knows none of that name.
    """
    if not timm.is_model(name):
        raise DatasetError(f"student: timm knows no model {name!r}; try cnn:mobilenetv3_small_100")
    return {"model_type": _CNN, "name": name, "mel_bins": mel_bins}


class CnnTower(nn.Module):
    """A small timm CNN over the same log-mel, each mel bin normalised as HTSAT does: `lite`.

    Args:
        name: what timm calls it.
        mel_bins: of the front end.
    """

    depthwise = True

    def __init__(self, name: str, mel_bins: int) -> None:
        super().__init__()
        self.norm = nn.BatchNorm2d(mel_bins)
        cnn: Any = timm.create_model(name, in_chans=1, num_classes=0)
        # timm's MobileNets end in a layer wider than their last stage.
        self.neck = nn.Linear(int(getattr(cnn, "head_hidden_size", cnn.num_features)), CNN_FEATURES)
        self.cnn = cnn

    def forward(self, log_mel: Tensor) -> Tensor:
        """float32[batch, 1, frames, mel_bins] -> float32[batch, hidden]."""
        features: Tensor = self.neck(self.cnn(self.norm(log_mel.transpose(1, 3)).transpose(1, 3)))
        return features


def make_tower(config: dict[str, Any]) -> tuple[ClapTower | CnnTower, int]:
    """A tower with random weights, and the width of its features.

    Args:
        config: a ClapAudioConfig as a dictionary, or {"model_type": "cnn", "name", "mel_bins"}.
    """
    if config["model_type"] == _CNN:
        tower = CnnTower(config["name"], config["mel_bins"])
        return tower, CNN_FEATURES
    clap = ClapAudioConfig(**config)
    return ClapTower(clap), int(clap.hidden_size)
