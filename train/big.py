"""A big student that a small one imitates: for the recorders that can't run the big one."""

from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn import functional

from edge.contract.errors import ConfigError
from train.checkpoint import load_checkpoint
from train.config import DistillConfig
from train.engine.loop import mixed_precision
from train.frontend import Hearing
from train.sound.features import fill


class Big(nn.Module):
    """Hears the very windows that the small student hears, as augmented as they are.

    Args:
        folder: its checkpoint.
        space_id: the space in which the small student learns.
        hearing: the small student's. Of shorter windows than its own the big one hears
            repetitions; of longer ones it hears pieces, and the mean is what it makes of them.

    Raises:
        DatasetError: no checkpoint is there.
        ConfigError: it embeds in another space, or hears otherwise.
    """

    def __init__(self, folder: str, space_id: str, hearing: Hearing) -> None:
        super().__init__()
        checkpoint = load_checkpoint(Path(folder))
        if checkpoint.space_id != space_id:
            raise ConfigError(f"big: {folder} embeds in another teacher's space; distil it anew")
        if checkpoint.frontend != hearing.frontend:
            raise ConfigError(
                f"big: {folder} hears {checkpoint.frontend}, this student {hearing.frontend}; try "
                f"frame_hop_samples={checkpoint.frontend.hop_samples}"
            )
        self._frames = checkpoint.hearing.frames
        self.student = checkpoint.student.eval().requires_grad_(False)

    @torch.no_grad()
    def forward(self, log_mel: Tensor) -> Tensor:
        """float32[batch, 1, frames, mel_bins] -> float32[batch, dim], unit rows."""
        pieces = cut(log_mel, self._frames)
        with mixed_precision(log_mel.device, self.student.tower.depthwise):
            heard = self.student(pieces.flatten(0, 1)).float()
        return functional.normalize(heard.unflatten(0, pieces.shape[:2]).mean(dim=1), dim=-1)


def open_big(config: DistillConfig, space_id: str, hearing: Hearing) -> Big | None:
    """The big student that a distillation is to imitate, if any; raises as `Big`."""
    return Big(config.big, space_id, hearing) if config.big else None


def cut(log_mel: Tensor, frames: int) -> Tensor:
    """Windows float[batch, 1, n, mel_bins] as even pieces [batch, pieces, 1, frames, mel_bins]."""
    longer = log_mel.shape[2] - frames
    if longer <= 0:
        return fill(log_mel, frames)[:, None]
    count = -(-longer // frames) + 1
    starts = [round(n * longer / (count - 1)) for n in range(count)]
    return torch.stack([log_mel[:, :, start : start + frames] for start in starts], dim=1)
