"""Hints: what a ready-made network makes of the sounds that a student hears.

Two kinds of knowledge. Its embedding, which the student's features are to predict: FitNets (Romero
et al. 2015, arXiv 1412.6550). And its logits, a belief in its labels: distillation proper (Hinton
et al. 2015, arXiv 1503.02531). The network, an ear of export/ears, is run once over every
recording, and is neither shipped nor needed to listen.
"""

from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from edge.contract.arrays import Array, Float16s
from edge.contract.audio import Waveform
from gallery.data.dataset import Item
from gallery.data.reading import read_item
from train.ears.labels import known_ids
from train.ears.network import EarNetwork
from train.ears.recipe import locate
from train.sound.cache import load_each

STEP_S = 0.5
"""Seconds between two hints."""


class Hints:
    """Computes what an ear makes of sounds: rows of its embedding and then its logits.

    Args:
        hint: an ear, as `train.ears.recipe.locate` has it.

    Raises:
        ConfigError: no such ear.
        DatasetError: its network is not there.
    """

    def __init__(self, hint: str) -> None:
        self.recipe, self._file = locate(hint)
        self._network: EarNetwork | None = None

    def __getstate__(self) -> dict[str, Any]:
        """Without the network: every process opens its own."""
        return {**self.__dict__, "_network": None}

    @cached_property
    def labels(self) -> tuple[str, ...]:
        """Species ids that its logits are of, by the names of our taxonomy.

        Raises:
            DatasetError: its labels are not there.
        """
        return known_ids(self.recipe, self._file.parent)

    def __call__(self, item: Item) -> Array:
        """Rows of a whole recording, float16[n, dim + labels]."""
        return self.of(*read_item(item))

    def of(self, waveform: Waveform, rate_hz: int) -> Float16s:
        """Rows of a waveform, every STEP_S; loads the network when the first is asked for."""
        return np.concatenate(self._opened().outputs(waveform, rate_hz, STEP_S), axis=1)

    def with_maps(self, window: Waveform) -> tuple[Float16s, list[Float16s]]:
        """The row of a window as long as the network's and at its rate, and the network's maps."""
        found = self._opened().maps(window)
        return np.concatenate([found.embedding, found.logits])[None], found.maps

    def _opened(self) -> EarNetwork:
        self._network = self._network or EarNetwork(self.recipe, self._file)
        return self._network


def load_hints(items: Sequence[Item], hints: Hints, cache: Path) -> list[Tensor]:
    """float16[n, dim + labels] a readable recording, in order; computed once and kept."""
    arrays = load_each(items, cache / f"hints-{hints.recipe.name}-logits", hints)
    return [torch.from_numpy(array) for array in arrays if array is not None]


def load_embeddings(items: Sequence[Item], hint: str, cache: Path) -> list[Tensor]:
    """float16[n, dim] a readable recording: as `load_hints`, without the logits."""
    hints = Hints(hint)
    return [rows[:, : -len(hints.labels)] for rows in load_hints(items, hints, cache)]
