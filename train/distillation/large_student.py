"""Embedding distillation from a large student, for recorders that can't run it."""

from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn import functional

from edge.contract.errors import ConfigError
from train.engine.loop import mixed_precision
from train.model.checkpoint import load_checkpoint, model_id
from train.model.frontend import InputSpec
from train.sound.features import fill


class LargeStudent(nn.Module):
    """Hears the very windows that the small student hears, as augmented as they are.

    Args:
        folder: its checkpoint.
        space_id: the space in which the small student learns.
        input_spec: the small student's. Of shorter windows than its own the large one hears
            repetitions; of longer ones it hears pieces, and the mean is what it makes of them.

    Raises:
        DatasetError: no checkpoint is there.
        ConfigError: it embeds in another space, or hears otherwise.
    """

    def __init__(self, folder: str, space_id: str, input_spec: InputSpec) -> None:
        super().__init__()
        checkpoint = load_checkpoint(Path(folder))
        if checkpoint.space_id != space_id:
            raise ConfigError(
                f"large_student: {folder} embeds in another teacher's space; distil it anew"
            )
        if checkpoint.frontend != input_spec.frontend:
            raise ConfigError(
                f"large_student: {folder} hears {checkpoint.frontend}, this student "
                f"{input_spec.frontend}; try frame_hop_samples={checkpoint.frontend.hop_samples}"
            )
        self.digest = model_id(Path(folder))
        """Tells its weights from others."""
        self._frames = checkpoint.input_spec.frames
        self.student = checkpoint.student.eval().requires_grad_(False)

    @torch.no_grad()
    def forward(self, log_mel: Tensor) -> Tensor:
        """float32[batch, 1, frames, mel_bins] -> float32[batch, dim], unit rows."""
        pieces = cut(log_mel, self._frames)
        with mixed_precision(log_mel.device, self.student.tower.depthwise):
            embedded = self.student(pieces.flatten(0, 1)).float()
        return functional.normalize(embedded.unflatten(0, pieces.shape[:2]).mean(dim=1), dim=-1)


def open_large_student(folder: str, space_id: str, input_spec: InputSpec) -> LargeStudent | None:
    """The large student that a small one learns from, if any; raises as `LargeStudent`."""
    return LargeStudent(folder, space_id, input_spec) if folder else None


def cut(log_mel: Tensor, frames: int) -> Tensor:
    """Windows float[batch, 1, n, mel_bins] as even pieces [batch, pieces, 1, frames, mel_bins]."""
    longer = log_mel.shape[2] - frames
    if longer <= 0:
        return fill(log_mel, frames)[:, None]
    count = -(-longer // frames) + 1
    starts = [round(n * longer / (count - 1)) for n in range(count)]
    return torch.stack([log_mel[:, :, start : start + frames] for start in starts], dim=1)
