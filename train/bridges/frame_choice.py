"""Choice of the frame that a clip's sound is paired with: at random at first, then the nearest."""

import torch
from torch import Tensor

from train.bridges.agreement_losses import nearest_frames

_COUNT = 8
"""Bytes of the counter behind the generator's state."""


class FrameChoice:
    """Frame of each clip of a batch, and how many clips have been shown so far.

    Nearest Match's curriculum (Tsubaki et al. 2024, arXiv 2403.10756): an encoder that has
    learned nothing yet would choose for good whatever lies near its first guesses, so frames are
    drawn at random for some epochs. It stands among the generators of a training, whose snapshot
    keeps its state.

    Args:
        seed: of the draws, which are the same on every rank.
        random_clips: clips that are shown with a random frame before the nearest are chosen; None
            draws at random for ever.
    """

    def __init__(self, seed: int, random_clips: int | None) -> None:
        self._generator = torch.Generator().manual_seed(seed)
        self._random_clips = random_clips
        self._shown = 0

    @property
    def nearest(self) -> bool:
        """True once the random epochs are over."""
        return self._random_clips is not None and self._shown >= self._random_clips

    def __call__(self, audio: Tensor, frames: Tensor) -> Tensor:
        """Choose for a batch: int64[batch].

        Args:
            audio: float32[batch, dim], of all ranks.
            frames: float32[batch, frames, dim].
        """
        clips, count = frames.shape[:2]
        drawn = torch.randint(count, (clips,), generator=self._generator).to(frames.device)
        nearest, self._shown = self.nearest, self._shown + clips
        return nearest_frames(audio.detach(), frames) if nearest else drawn

    def get_state(self) -> Tensor:
        """The generator's, and the clips that were shown: uint8[n]."""
        shown = torch.tensor([self._shown]).view(torch.uint8)
        return torch.cat([self._generator.get_state(), shown])

    def set_state(self, state: Tensor) -> None:
        """Go on from a state."""
        self._generator.set_state(state[:-_COUNT].clone())
        self._shown = int(state[-_COUNT:].clone().view(torch.int64))
