"""Targets of windows: the species of their recording, or all that are in them."""

from collections.abc import Callable

import torch
from torch import Tensor

from train.config import DistillConfig
from train.sound.sampler import Batch
from train.sound.training_set import TrainingSet

Targets = Callable[[Batch], Tensor]
"""A batch to int64[batch] species, or float32[batch, species] whose rows sum to 1."""


def make_targets(config: DistillConfig, sounds: TrainingSet) -> Targets:
    """Targets that `config.loss` needs."""
    if config.loss != "multi_label":
        return lambda batch: batch.labels
    heard = [(label, *others) for label, others in zip(sounds.labels, sounds.others, strict=True)]
    return lambda batch: species_shares(batch, heard, len(sounds.species))


def species_shares(batch: Batch, heard: list[tuple[int, ...]], species: int) -> Tensor:
    """Equal shares of all species that are in a window, those that were mixed in among them.

    Args:
        batch: windows, and the recordings that they are made of.
        heard: species indices of each recording.
        species: how many there are.

    Returns:
        float32[batch, species], rows sum to 1.
    """
    present = torch.zeros(len(batch.recordings), species)
    pairs = zip(batch.recordings.tolist(), batch.mixed.tolist(), strict=True)
    for row, (recording, mixed) in enumerate(pairs):
        present[row, list(heard[recording])] = 1
        if mixed >= 0:
            present[row, list(heard[mixed])] = 1
    return present / present.sum(dim=1, keepdim=True)
