"""Frames of clips as an image tower is fed them, prepared once and kept on disk."""

import hashlib
import logging
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from edge.contract.arrays import Array, Float32s
from edge.contract.errors import DatasetError, PictureError
from train.bridges.clips import VideoClip
from train.bridges.image_student import TowerConfig
from train.bridges.video import read_frames
from train.sound.cache import file_key, load_batches
from train.sound.shards import KeptArrays

_LOG = logging.getLogger(__name__)
_BATCH = 8
"""Clips whose frames are prepared before they are committed."""


class FramePixels:
    """Prepared frames, opened when they are asked for.

    Args:
        arrays: float16[frames, 3, side, side] a clip.
    """

    def __init__(self, arrays: KeptArrays) -> None:
        self._arrays = arrays

    def of(self, clips: Sequence[int], moments: Sequence[int]) -> Tensor:
        """Frames by the places of their clips and in them: float32[n, 3, side, side]."""
        chosen = [self._frame(clip, moment) for clip, moment in zip(clips, moments, strict=True)]
        return torch.stack(chosen).float()

    def _frame(self, clip: int, moment: int) -> Tensor:
        array = self._arrays[clip]
        assert array is not None
        return torch.from_numpy(array[moment])


def load_pixels(
    clips: Sequence[VideoClip], times_s: Float32s, config: TowerConfig, cache: Path
) -> FramePixels:
    """Frames of clips that are known to be readable.

    Args:
        clips: in order.
        times_s: float32[clips, frames], moments in each.
        config: of the tower that is fed.
        cache: where they are kept, by file, moments and preprocessing.

    Raises:
        DatasetError: a clip can't be read any more.
    """
    keys = [
        f"{file_key(clip.path)} {hashlib.sha256(times.tobytes()).hexdigest()[:12]}"
        for clip, times in zip(clips, times_s, strict=True)
    ]
    prepare = config.prepare

    def compute(places: Sequence[int]) -> Iterator[Array | None]:
        for place in places:
            try:
                frames = read_frames(clips[place].path, times_s[place].tolist())
            except PictureError as error:
                _LOG.warning("%s; skipped", error)
                yield None
            else:
                yield np.stack([prepare(frame).half().numpy() for frame in frames])

    told = f"{sorted(config.preprocess.items())} {config.side}"
    folder = cache / f"pixels-{hashlib.sha256(told.encode()).hexdigest()[:12]}"
    kept = load_batches(keys, folder, compute, _BATCH)
    if not kept.present.all():
        lost = clips[int(np.flatnonzero(~kept.present)[0])].path
        raise DatasetError(f"{lost}: its frames were read before and can't be now; copy it again")
    return FramePixels(kept)
