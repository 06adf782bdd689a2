"""Moments of synthetic clips that localisation is judged at: a frame, its sound, and the truth."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from edge.contract.arrays import Flags, Float32s
from train.bridges.localisation_metrics import Box, truth_map
from train.bridges.pairs import PairSet
from train.bridges.truth import Truth
from train.model.frontend import InputSpec, LogMel

_NOISE = 0.1
"""Deviation of white noise, of full scale."""
SILENCE, NOISE, OFF_SCREEN = "silence", "noise", "off-screen"


@dataclass(frozen=True, kw_only=True)
class HeardMoment:
    """A frame of a clip while a bird sings."""

    clip: int
    moment: int
    """Place of the frame in its clip."""
    time_s: float
    boxes: tuple[Box, ...]
    """Of the birds that sing and are seen; none: the singer is off-screen."""

    @property
    def visible(self) -> bool:
        """True if a bird that sings is seen."""
        return bool(self.boxes)


def heard_moments(pairs: PairSet, truth: Truth) -> list[HeardMoment]:
    """All frames of the clips while a bird sings, seen or not."""
    found = []
    for clip, video in enumerate(pairs.clips):
        birds = truth.birds(video.recording)
        for moment, time_s in enumerate(pairs.bank.times_s[clip].tolist()):
            if any(bird.sings(time_s) for bird in birds):
                boxes = truth.boxes(video.recording, time_s)
                found.append(
                    HeardMoment(
                        clip=clip,
                        moment=moment,
                        time_s=time_s,
                        boxes=tuple((x1, y1, x2, y2) for x1, y1, x2, y2 in boxes.tolist()),
                    )
                )
    return found


def truths(moments: Sequence[HeardMoment], first: bool = False) -> Float32s:
    """Union of the boxes of each, or the first alone: float32[n, 224, 224], 0 of none."""
    return np.stack([truth_map(moment.boxes[:1] if first else moment.boxes) for moment in moments])


def visible(moments: Sequence[HeardMoment]) -> Flags:
    """Moments with a box: bool[n]."""
    return np.array([moment.visible for moment in moments])


def negative_windows(input_spec: InputSpec, seed: int = 0) -> dict[str, Tensor]:
    """Sounds that nothing makes, by name: float32[1, 1, frames, mel_bins] each."""
    frontend, samples = LogMel(input_spec.frontend), input_spec.window_samples
    random = torch.Generator().manual_seed(seed)
    noise = _NOISE * torch.randn(1, samples, generator=random)
    with torch.inference_mode():
        return {SILENCE: frontend(torch.zeros(1, samples)), NOISE: frontend(noise)}
