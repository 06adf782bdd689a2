"""Log-mels of many recordings, from which windows are cut on the device that trains."""

from collections.abc import Sequence

import torch
from torch import Tensor

from train.sound.features import FLOOR_DB, KeptLogMels, crop

SHARE = 0.5
"""Of a GPU's free memory: what log-mels may take before training has begun."""


class LogMelStore:
    """Recordings of any length.

    On a GPU they lie whole in its memory if they fit; otherwise they stay where they are, which is
    memory-mapped, and only windows travel.

    Args:
        log_mels: float16[frames, mel_bins] a recording.
        device: where windows are wanted.
        whole: whether the device holds everything; None asks it.
    """

    def __init__(
        self, log_mels: Sequence[Tensor], device: torch.device, whole: bool | None = None
    ) -> None:
        self.device = device
        self.lengths = lengths_of(log_mels)
        """int64[recordings] frames, on the CPU."""
        self._log_mels = log_mels
        self._packed: Tensor | None = None
        if fits(log_mels, self.lengths, device) if whole is None else whole:
            self._pack()

    def __len__(self) -> int:
        return len(self._log_mels)

    def cut(self, recordings: Tensor, starts: Tensor, frames: int) -> Tensor:
        """Windows, as `train.sound.features.crop` cuts them: a short recording is tiled.

        Args:
            recordings: int64[n], on the CPU.
            starts: int64[n], first frames; 0 where a recording is shorter than a window.
            frames: of a window.

        Returns:
            float32[n, frames, mel_bins] on the device.
        """
        if self._packed is not None:
            return self._gather(recordings, starts, frames)
        pairs = zip(recordings.tolist(), starts.tolist(), strict=True)
        windows = torch.stack(
            [crop(self._log_mels[recording], start, frames) for recording, start in pairs]
        )
        return windows.to(self.device, non_blocking=True).float()

    def _gather(self, recordings: Tensor, starts: Tensor, frames: int) -> Tensor:
        lengths = self.lengths[recordings][:, None]
        at, tiled = starts[:, None] + torch.arange(frames), lengths * (frames // lengths)
        rows = self._begins[recordings][:, None] + at % lengths
        windows = self._packed[rows.to(self.device)].float()  # type: ignore[index]
        beyond = (lengths < frames) & (torch.arange(frames) >= tiled)
        return windows.masked_fill_(beyond[:, :, None].to(self.device), FLOOR_DB)

    def _pack(self) -> None:
        self._begins = self.lengths.cumsum(0) - self.lengths
        shape = (int(self.lengths.sum()), self._log_mels[0].shape[1])
        packed = torch.empty(shape, dtype=torch.float16, device=self.device)
        for begin, log_mel in zip(self._begins.tolist(), self._log_mels, strict=True):
            packed[begin : begin + len(log_mel)] = log_mel
        self._packed = packed


def fits(log_mels: Sequence[Tensor], lengths: Tensor, device: torch.device) -> bool:
    """True if a GPU has memory for all of them, int64[recordings] frames."""
    if device.type != "cuda" or not len(log_mels):
        return False
    wanted = int(lengths.sum()) * log_mels[0].shape[1] * log_mels[0].element_size()
    return wanted < SHARE * torch.cuda.mem_get_info(device)[0]


def lengths_of(log_mels: Sequence[Tensor]) -> Tensor:
    """Frames of each, int64[recordings]."""
    if isinstance(log_mels, KeptLogMels):
        return log_mels.lengths
    return torch.tensor([len(log_mel) for log_mel in log_mels], dtype=torch.int64)
