"""Training batches: random windows of log-mels, augmented in the mel domain.

All that is random about a batch is drawn on the CPU, the same on every rank and machine; the
windows are made of it on the device that trains.
"""

from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor

from train.engine.ranks import ALONE, Ranks
from train.sound.features import FLOOR_DB, to_decibels, to_power
from train.sound.log_mel_store import LogMelStore

_NUMBERS = 16
"""Random numbers a window."""


@dataclass(frozen=True)
class Augmentation:
    """Augmentation of a window; probabilities a window."""

    gain_db: float = 8.0
    """Level is shifted by up to this, either way."""
    mix: float = 0.25
    """Probability that a second, weaker recording sings along."""
    background: float = 0.4
    """Probability that a background recording is added."""
    mix_db: tuple[float, float] = (-20.0, -2.0)
    background_db: tuple[float, float] = (-20.0, -2.0)
    """Levels of what is added, relative to the window."""
    mask: float = 0.15
    """Probability of one masked band of time and one of frequency (SpecAugment, Park 2019)."""
    mask_frames: int = 24
    mask_bins: int = 8


class Batch(NamedTuple):
    """Augmented windows, and where they were cut: this rank's share."""

    log_mel: Tensor
    """float32[batch, 1, frames, mel_bins], on the device."""
    labels: Tensor
    """int64[batch] species indices, as the following on the CPU."""
    recordings: Tensor
    starts: Tensor
    """int64[batch], first frame of each window in its recording."""
    mixed: Tensor
    """int64[batch], recording that sings along; -1 where none does."""


class WindowSampler:
    """Draws batches balanced by species.

    Args:
        clips: log-mels of the recordings.
        labels: int64[recordings] species indices.
        background: recordings without a bird, may be empty.
        frames: frames of a window.
        augmentation: how windows are varied.
        seed: makes the sequence of batches repeatable.
        weight: a species' share of the batches grows with its recordings to this power; 0 gives
            each the same.
        ranks: who takes which windows of a batch.
        grid_frames: windows begin at multiples of this, rounded.
        shares: float64[species] of the batches, in place of `weight`, by label.
        chances: float64[recordings], how often each is drawn among those of its label; all alike.
    """

    def __init__(
        self,
        clips: LogMelStore,
        labels: Tensor,
        background: LogMelStore,
        frames: int,
        augmentation: Augmentation,
        seed: int,
        weight: float = 0.0,
        ranks: Ranks = ALONE,
        grid_frames: float = 1.0,
        shares: Tensor | None = None,
        chances: Tensor | None = None,
    ) -> None:
        self._clips, self._background = clips, background
        self._frames, self._augmentation, self._ranks = frames, augmentation, ranks
        self._grid_frames = grid_frames
        self.generator = torch.Generator().manual_seed(seed)
        """What everything is drawn with."""
        self._by_label = labels.argsort(stable=True)
        self._labels, self._counts = torch.unique(labels, return_counts=True)
        self._shares = self._counts.double() ** weight if weight else None
        if shares is not None:
            self._shares = shares[self._labels]
        chances = torch.ones(len(labels), dtype=torch.float64) if chances is None else chances
        self._chances = torch.cat([torch.zeros(1), chances[self._by_label].cumsum(0)])

    def batch(self, size: int) -> Batch:
        """Draw windows; with the same share for all, species come in shuffled rounds.

        Args:
            size: of the whole batch, of which this rank gets its share.
        """
        chosen = self._species(size)[self._ranks.mine]
        numbers = self._draw(size)
        recordings = self._by_label[self._place(chosen, numbers[0])]
        starts = self._starts(self._clips, recordings, numbers[1])
        windows, how = self._clips.cut(recordings, starts, self._frames), self._augmentation
        mixed = self._mix(
            windows,
            clips=self._clips,
            probability=how.mix,
            levels_db=how.mix_db,
            numbers=numbers[2:6],
        )
        self._mix(
            windows,
            clips=self._background,
            probability=how.background,
            levels_db=how.background_db,
            numbers=numbers[6:10],
        )
        self._shift(windows, numbers[10])
        windows = self._mask(windows, numbers[11:16])
        return Batch(
            log_mel=windows[:, None],
            labels=self._labels[chosen],
            recordings=recordings,
            starts=starts,
            mixed=mixed,
        )

    def outliers(self, size: int) -> Tensor | None:
        """float32[size, 1, frames, mel_bins] of background alone; None if there is none."""
        if not len(self._background) or size == 0:
            return None
        numbers = self._draw(size)
        windows = self._cut_any(self._background, numbers[0], numbers[1])
        self._shift(windows, numbers[2])
        return windows[:, None]

    def _draw(self, size: int) -> Tensor:
        """float64[numbers, windows] between 0 and 1: this rank's."""
        shape = (_NUMBERS, size)
        drawn = torch.rand(shape, generator=self.generator, dtype=torch.float64)
        return drawn[:, self._ranks.mine]

    def _species(self, size: int) -> Tensor:
        """int64[size], places in the sorted labels."""
        if self._shares is not None:
            return torch.multinomial(self._shares, size, True, generator=self.generator)
        count = len(self._labels)
        rounds = -(-size // count)
        order = [torch.randperm(count, generator=self.generator) for _ in range(rounds)]
        return torch.cat(order)[:size]

    def _place(self, chosen: Tensor, numbers: Tensor) -> Tensor:
        """Of one recording of each chosen species, among the recordings sorted by label."""
        ends = self._counts.cumsum(0)[chosen]
        begins = ends - self._counts[chosen]
        wanted = torch.lerp(self._chances[begins], self._chances[ends], numbers)
        place = torch.searchsorted(self._chances, wanted, right=True) - 1
        return torch.minimum(place, ends - 1)

    def _starts(self, clips: LogMelStore, recordings: Tensor, numbers: Tensor) -> Tensor:
        spare = (clips.lengths[recordings] - self._frames).clamp(min=0)
        places = _below(1 + (spare / self._grid_frames).long(), numbers)
        return (places * self._grid_frames).round().long()

    def _cut_any(self, clips: LogMelStore, which: Tensor, where: Tensor) -> Tensor:
        recordings = _below(len(clips), which)
        return clips.cut(recordings, self._starts(clips, recordings, where), self._frames)

    def _mix(
        self,
        windows: Tensor,
        clips: LogMelStore,
        probability: float,
        levels_db: tuple[float, float],
        numbers: Tensor,
    ) -> Tensor:
        """Add the power of others, in place, to as many windows as the probability says.

        Returns:
            int64[batch], which was added; -1 where none was.
        """
        mixed = torch.full((len(windows),), -1)
        rows = (numbers[0] < probability).nonzero()[:, 0]
        if not len(rows) or not len(clips):
            return mixed
        _, which, where, levels = numbers[:, rows]
        at = rows.to(windows.device)
        power = to_power(windows[at])
        added = to_power(self._cut_any(clips, which, where))
        relative = 10 ** (_between(levels_db, levels).to(power) / 10)
        scale = relative * power.mean(dim=(1, 2)) / added.mean(dim=(1, 2)).clamp(min=1e-10)
        windows[at] = to_decibels(power + added * scale[:, None, None])
        mixed[rows] = _below(len(clips), which)
        return mixed

    def _shift(self, windows: Tensor, numbers: Tensor) -> None:
        gain_db = self._augmentation.gain_db
        windows += _between((-gain_db, gain_db), numbers).to(windows)[:, None, None]
        windows.clamp_(min=FLOOR_DB)  # nothing of a quiet recording lies below it

    def _mask(self, windows: Tensor, numbers: Tensor) -> Tensor:
        """Put a band of time and one of frequency on each window's floor."""
        how, floor = self._augmentation, windows.amin(dim=(1, 2), keepdim=True)
        chosen = (numbers[0] < how.mask)[:, None]
        times = _bands(how.mask_frames, windows.shape[1], *numbers[1:3]) & chosen
        bins = _bands(how.mask_bins, windows.shape[2], *numbers[3:5]) & chosen
        masked = times.to(windows.device)[:, :, None] | bins.to(windows.device)[:, None, :]
        return torch.where(masked, floor, windows)


def _below(limits: Tensor | int, numbers: Tensor) -> Tensor:
    """Numbers between 0 and 1 to whole ones below limits."""
    return (limits * numbers).long()


def _between(limits: tuple[float, float], numbers: Tensor) -> Tensor:
    low, high = limits
    return low + (high - low) * numbers


def _bands(widest: int, size: int, widths: Tensor, places: Tensor) -> Tensor:
    """bool[n, size]: a run of up to `widest` somewhere in each row."""
    width = (_below(widest, widths) + 1).clamp(max=size)
    start = _below(size - width + 1, places)
    steps = torch.arange(size)
    return (steps >= start[:, None]) & (steps < (start + width)[:, None])
