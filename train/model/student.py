"""The student: an audio tower with a new projection to the teacher's space."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import torch
from safetensors.torch import save
from torch import Tensor, nn
from torch.nn import functional

from train.model.frontend import LogMel, LogMelSpec
from train.model.layers import rates_by_depth, rest
from train.model.projection import make_projection


class Student(nn.Module):
    """Log-mel to a unit embedding in the teacher's space.

    Args:
        audio_config: says which tower; see `train.model.towers.make_tower`.
        dim: dimension of the teacher's space.
        projection_hidden: width of the projection's hidden layer, 0 makes it linear; by names the
            rank of the layer that tells them.
        projection_names: of a projection by the belief in names; 0: it is none.
    """

    def __init__(
        self,
        audio_config: dict[str, Any],
        dim: int,
        projection_hidden: int = 0,
        projection_names: int = 0,
    ) -> None:
        super().__init__()
        from train.model.towers import make_tower

        self.audio_config, self.dim = audio_config, dim
        self.tower, self.hidden = make_tower(audio_config)
        self.projection_hidden, self.projection_names = projection_hidden, projection_names
        self.projection = make_projection(self.hidden, dim, projection_hidden, projection_names)

    def freeze_tower(self) -> None:
        """Let only the projection learn."""
        self.tower.requires_grad_(False)
        self.train(self.training)

    def train(self, mode: bool = True) -> "Student":
        """As a module does; what is frozen in the tower hears as it will when in use."""
        super().train(mode)
        rest(self.tower)
        return self

    @property
    def shapes(self) -> list[tuple[str, tuple[int, ...]]]:
        """Names and shapes of its weights: tell its kind from others, whatever they hold."""
        return [(name, tuple(weight.shape)) for name, weight in self.state_dict().items()]

    def rates(self, decay: float) -> dict[nn.Parameter, float]:
        """Shares of the learning rate by the tower's layers; none are told if all are alike.

        Args:
            decay: of a layer below another.
        """
        if decay == 1:
            return {}
        return rates_by_depth(self.tower, self.tower.depths(), decay)

    def forward(self, log_mel: Tensor) -> Tensor:
        """float32[batch, 1, frames, mel_bins] -> float32[batch, dim], unit rows."""
        return self.project(self.features(log_mel))

    def features(self, log_mel: Tensor) -> Tensor:
        """Features of the tower, before the projection: float32[batch, hidden]."""
        features: Tensor = self.tower(log_mel)
        return features

    def project(self, features: Tensor) -> Tensor:
        """Features to unit rows in the teacher's space."""
        return functional.normalize(self.projection(features), dim=-1)


def weights_bytes(weights: Mapping[str, Tensor]) -> bytes:
    """Weights as safetensors, each laid out as its shape says, however it lies in memory."""
    return save({name: weight.contiguous() for name, weight in weights.items()})


class WaveformStudent(nn.Module):
    """Front end and student in one: what an exported encoder is compared with."""

    def __init__(self, spec: LogMelSpec, student: Student) -> None:
        super().__init__()
        self.frontend = LogMel(spec)
        self.student = student

    def forward(self, waveform: Tensor) -> Tensor:
        """float32[batch, window_samples] -> float32[batch, dim], unit rows."""
        embedding: Tensor = self.student(self.frontend(waveform))
        return embedding


@torch.inference_mode()
def embed_log_mels(model: nn.Module, log_mels: Iterable[Tensor], batch: int = 64) -> Tensor:
    """Embed windows on the model's device.

    Args:
        model: float32[n, 1, frames, mel_bins] -> float32[n, dim].
        log_mels: float[n, 1, frames, mel_bins] each; read from disk as they are needed.
        batch: windows at a time.

    Returns:
        float32[windows, dim] on the CPU.
    """
    device = next(model.parameters()).device
    rows = (model(log_mel.to(device).float()).cpu() for log_mel in _batches(log_mels, batch))
    return torch.cat([*rows])


def _batches(stacks: Iterable[Tensor], size: int) -> Iterator[Tensor]:
    held: list[Tensor] = []
    for stack in stacks:
        held.append(stack)
        if sum(map(len, held)) >= size:
            yield from torch.split(torch.cat(held), size)
            held = []
    if held:
        yield from torch.split(torch.cat(held), size)
