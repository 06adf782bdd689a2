"""A big student that a small one imitates: for the recorders that can't run the big one."""

from pathlib import Path

import torch
from torch import Tensor, nn

from edge.contract.errors import ConfigError
from train.checkpoint import load_checkpoint
from train.features import FLOOR_DB
from train.frontend import Hearing
from train.loop import mixed_precision


class Big(nn.Module):
    """Hears the very windows that the small student hears, as augmented as they are.

    Args:
        folder: its checkpoint.
        space_id: the space in which the small student learns.
        hearing: the small student's. A longer window of the big one's is filled by repeating the
            small one's.

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
        if checkpoint.window_samples < hearing.window_samples:
            longest = checkpoint.window_samples / hearing.frontend.sample_rate_hz
            raise ConfigError(
                f"big: {folder} hears windows of {longest:g} s; try window_s={longest:g}"
            )
        self._frames = checkpoint.hearing.frames
        self.student = checkpoint.student.eval().requires_grad_(False)

    @torch.no_grad()
    def forward(self, log_mel: Tensor) -> Tensor:
        """float32[batch, 1, frames, mel_bins] -> float32[batch, dim], unit rows."""
        with mixed_precision(log_mel.device, self.student.tower.depthwise):
            heard: Tensor = self.student(fill(log_mel, self._frames))
        return heard.float()


def fill(log_mel: Tensor, frames: int) -> Tensor:
    """Repeat windows float[batch, 1, n, mel_bins] to more frames, as often as they fit whole."""
    whole = frames // log_mel.shape[2]
    tiled = log_mel.repeat(1, 1, whole, 1)
    return nn.functional.pad(tiled, (0, 0, 0, frames - tiled.shape[2]), value=FLOOR_DB)
