"""Both students of a localisation in use: sounds and places in one space, without teachers."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from edge.contract.errors import DatasetError
from gallery.dense import judging
from train.bridges.image_student import ImageStudent, load_image_student
from train.bridges.pairs import PairSet
from train.model.checkpoint import load_checkpoint
from train.model.frontend import InputSpec
from train.model.student import Student
from train.sound.features import crop

_BATCH = 32


@dataclass(frozen=True, kw_only=True)
class Localiser:
    """An audio and an image student of one space."""

    student: Student
    image_student: ImageStudent
    input_spec: InputSpec

    @torch.inference_mode()
    def hear(self, log_mels: Tensor) -> Tensor:
        """float32[n, 1, frames, mel_bins] -> float32[n, dim] on the CPU, unit rows."""
        with judging(self.student):
            return torch.cat([self.student(part).cpu() for part in self._parts(log_mels)])

    @torch.inference_mode()
    def look(self, pixels: Tensor) -> Tensor:
        """float32[n, 3, side, side] -> float32[n, h, w, dim] on the CPU, unit over dim."""
        with judging(self.image_student):
            return torch.cat([self.image_student(part).cpu() for part in self._parts(pixels)])

    def windows(self, pairs: PairSet, clips: list[int], times_s: list[float]) -> Tensor:
        """Windows of clips around moments: float32[n, 1, frames, mel_bins]."""
        both = zip(clips, times_s, strict=True)
        return torch.stack(
            [window_around(pairs.log_mels[clip], time_s, self.input_spec) for clip, time_s in both]
        )

    def _parts(self, batch: Tensor) -> Iterator[Tensor]:
        device = next(self.student.parameters()).device
        return (part.to(device) for part in torch.split(batch, _BATCH))


def load_localiser(folder: Path) -> Localiser:
    """Both students of a run.

    Raises:
        DatasetError: it is no run of `train.bridges localise`, damaged, or its students are of
            two spaces.
    """
    checkpoint = load_checkpoint(folder)
    image_student = load_image_student(folder)
    space_id = image_student.config.space_id
    if space_id != checkpoint.space_id:
        raise DatasetError(
            f"{folder}: its image student is of the space {space_id:.12}, its sound student of "
            f"{checkpoint.space_id:.12}; train again: python -m train.bridges localise"
        )
    return Localiser(
        student=checkpoint.student, image_student=image_student, input_spec=checkpoint.input_spec
    )


def window_around(log_mel: Tensor, time_s: float, input_spec: InputSpec) -> Tensor:
    """The window in whose middle a moment lies, or the nearest whole one; a short clip is tiled.

    Args:
        log_mel: float16[frames, mel_bins] of the clip.
        time_s: in the clip.
        input_spec: of the window.

    Returns:
        float32[1, frames, mel_bins].
    """
    spec, frames = input_spec.frontend, input_spec.frames
    middle = round(time_s * spec.sample_rate_hz / spec.hop_samples)
    begin = min(max(middle - frames // 2, 0), max(len(log_mel) - frames, 0))
    return crop(log_mel[begin : begin + frames].float(), 0, frames)[None]
