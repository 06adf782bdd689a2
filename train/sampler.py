"""Training batches: random windows of log-mels, augmented in the mel domain."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple, TypeVar

import torch
from torch import Tensor

from train.features import crop, to_decibels, to_power

T = TypeVar("T")


@dataclass(frozen=True)
class Augmentation:
    """How a window is varied; probabilities a window."""

    gain_db: float = 8.0
    """Level is shifted by up to this, either way."""
    mix: float = 0.25
    """Probability that a second, weaker recording sings along."""
    background: float = 0.4
    """Probability that a background recording is added."""
    mix_db: tuple[float, float] = (-20.0, -2.0)
    """Level of what is added, relative to the window."""
    mask: float = 0.15
    """Probability of one masked band of time and one of frequency (SpecAugment, Park 2019)."""
    mask_frames: int = 24
    mask_bins: int = 8


class Batch(NamedTuple):
    """Augmented windows, and where they were cut."""

    log_mel: Tensor
    """float32[batch, 1, frames, mel_bins]."""
    labels: Tensor
    """int64[batch] species indices."""
    recordings: list[int]
    starts: list[int]
    """First frame of each window in its recording."""


class WindowSampler:
    """Draws batches balanced by species.

    Args:
        features: float16[frames, mel_bins] a recording.
        labels: species index a recording.
        background: recordings without a bird, may be empty.
        frames: frames of a window.
        augmentation: how windows are varied.
        seed: makes the sequence of batches repeatable.
        weight: a species' share of the batches grows with its recordings to this power; 0 gives
            each the same.
    """

    def __init__(
        self,
        features: Sequence[Tensor],
        labels: Sequence[int],
        background: Sequence[Tensor],
        frames: int,
        augmentation: Augmentation,
        seed: int,
        weight: float = 0.0,
    ) -> None:
        self._features = features
        self._background = background
        self._frames = frames
        self._augmentation = augmentation
        self.generator = torch.Generator().manual_seed(seed)
        """What everything is drawn with."""
        self._by_label = {
            label: [n for n, one in enumerate(labels) if one == label] for label in set(labels)
        }
        self._labels = sorted(self._by_label)
        counts = torch.tensor([len(self._by_label[label]) for label in self._labels])
        self._shares = counts.double() ** weight if weight else None

    def batch(self, size: int) -> Batch:
        """Draw windows; with the same share for all, species come in shuffled rounds."""
        labels = self._rounds(size) if self._shares is None else self._draws(size, self._shares)
        recordings = [self._choose(self._by_label[label]) for label in labels]
        windows, starts = zip(*(self._window(one) for one in recordings), strict=True)
        return Batch(torch.stack(windows)[:, None], torch.tensor(labels), recordings, list(starts))

    def outliers(self, size: int) -> Tensor | None:
        """float32[size, 1, frames, mel_bins] of background alone; None if there is none."""
        if not self._background or size == 0:
            return None
        return torch.stack([self._outlier() for _ in range(size)])[:, None]

    def _outlier(self) -> Tensor:
        gain_db = self._augmentation.gain_db
        return self._cut(self._choose(self._background))[0] + self._uniform(-gain_db, gain_db)

    def _draws(self, size: int, shares: Tensor) -> list[int]:
        drawn = torch.multinomial(shares, size, replacement=True, generator=self.generator)
        return [self._labels[n] for n in drawn]

    def _rounds(self, size: int) -> list[int]:
        count = len(self._labels)
        rounds = -(-size // count)
        order = [torch.randperm(count, generator=self.generator) for _ in range(rounds)]
        return [self._labels[n] for n in torch.cat(order)[:size]]

    def _window(self, recording: int) -> tuple[Tensor, int]:
        how = self._augmentation
        window, start = self._cut(self._features[recording])
        if self._chance(how.mix):
            window = self._add(window, self._cut(self._choose(self._features))[0])
        if self._background and self._chance(how.background):
            window = self._add(window, self._cut(self._choose(self._background))[0])
        window = window + self._uniform(-how.gain_db, how.gain_db)
        return self._mask(window) if self._chance(how.mask) else window, start

    def _cut(self, log_mel: Tensor) -> tuple[Tensor, int]:
        start = self._below(max(len(log_mel) - self._frames, 0) + 1)
        return crop(log_mel, start, self._frames).float(), start

    def _add(self, window: Tensor, other: Tensor) -> Tensor:
        power, added = to_power(window), to_power(other)
        scale = power.mean() / added.mean().clamp(min=1e-10)
        relative = 10 ** (self._uniform(*self._augmentation.mix_db) / 10)
        return to_decibels(power + added * scale * relative)

    def _mask(self, window: Tensor) -> Tensor:
        masked, floor = window.clone(), window.amin()
        for axis, widest in (
            (0, self._augmentation.mask_frames),
            (1, self._augmentation.mask_bins),
        ):
            width = min(self._below(widest) + 1, masked.shape[axis])
            start = self._below(masked.shape[axis] - width + 1)
            masked.narrow(axis, start, width).fill_(floor)
        return masked

    def _below(self, limit: int) -> int:
        return int(torch.randint(limit, (), generator=self.generator))

    def _uniform(self, low: float, high: float) -> float:
        return low + (high - low) * float(torch.rand((), generator=self.generator))

    def _chance(self, probability: float) -> bool:
        return self._uniform(0, 1) < probability

    def _choose(self, among: Sequence[T]) -> T:
        return among[self._below(len(among))]
