"""An acoustic hint: a student's features also predict a ready-made network's embedding.

FitNets (Romero et al. 2015, arXiv 1412.6550), feature distillation from a network of another kind:
an ear of export/ears. It is run once over every recording, and is neither shipped nor needed to
listen.
"""

from collections.abc import Sequence
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn import functional

from edge.contract.arrays import Array
from edge.source.recording import read_recording
from train.data.dataset import Item
from train.ears.network import EarNetwork
from train.ears.recipe import locate
from train.model.frontend import InputSpec
from train.sound.cache import load_each

STEP_S = 0.5
"""Seconds between two hints."""
_LEAST_DEVIATION = 0.1


def load_hints(items: Sequence[Item], hint: str, cache: Path) -> list[Tensor]:
    """float16[n, dim] a readable recording, in order; computed once and kept.

    Args:
        items: recordings.
        hint: an ear, as `train.ears.recipe.locate` has it.
        cache: where to keep them.

    Raises:
        ConfigError: no such ear.
        DatasetError: its network is not there.
    """
    arrays = load_each(items, cache / f"hints-{locate(hint)[0].name}", Hints(hint))
    return [torch.from_numpy(array) for array in arrays if array is not None]


class Hints:
    """Computes the hints of a whole recording; loads the network when the first is asked for."""

    def __init__(self, hint: str) -> None:
        self._hint = hint
        self._network: EarNetwork | None = None

    def __call__(self, item: Item) -> Array:
        """One recording's."""
        self._network = self._network or EarNetwork(*locate(self._hint))
        return self._network.embed(*read_recording(item.path), STEP_S)


def statistics(hints: Tensor) -> tuple[Tensor, Tensor]:
    """Mean and deviation that float32[n, dim] are standardised with."""
    return hints.mean(dim=0), hints.std(dim=0) + _LEAST_DEVIATION


class NoHint(nn.Module):
    """Stands where there is no hint: it costs nothing."""

    def forward(self, features: Tensor, recordings: Tensor, starts: Tensor) -> Tensor:
        """Zero."""
        return features.new_zeros(())


class HintLoss(nn.Module):
    """Mean squared error between the features and the standardised hint.

    Features of another width are mapped to it linearly. A window that is longer than what the
    network hears is to predict the mean of what it made of its parts.

    Args:
        hints: float16[n, dim] a recording.
        features: width of the student's features.
        input_spec: says how long a frame is, and a window.
        heard_s: how much the network hears at a time.
    """

    mean: Tensor
    deviation: Tensor
    rows: Tensor

    def __init__(
        self, hints: Sequence[Tensor], features: int, input_spec: InputSpec, heard_s: float
    ) -> None:
        super().__init__()
        spec = input_spec.frontend
        self._frames_a_step = STEP_S * spec.sample_rate_hz / spec.hop_samples
        spare_s = input_spec.window_samples / spec.sample_rate_hz - heard_s
        self._steps = torch.arange(max(round(spare_s / STEP_S), 0) + 1)
        self._counts = torch.tensor([len(hint) for hint in hints])
        self._begins = self._counts.cumsum(0) - self._counts
        rows = torch.cat(list(hints))
        dim = rows.shape[1]
        self.head = nn.Identity() if features == dim else nn.Linear(features, dim)
        mean, deviation = statistics(rows.float())
        self.register_buffer("rows", rows, persistent=False)
        self.register_buffer("mean", mean)
        self.register_buffer("deviation", deviation)

    def forward(self, features: Tensor, recordings: Tensor, starts: Tensor) -> Tensor:
        """The loss of float32[batch, features].

        Args:
            features: of windows.
            recordings: int64[batch], each window's recording.
            starts: int64[batch], its first frame.
        """
        steps = (starts / self._frames_a_step).round().long()[:, None] + self._steps
        last = self._counts[recordings, None] - 1
        places = self._begins[recordings, None] + steps.minimum(last)
        target = self.rows[places.to(self.rows.device)].float().mean(dim=1)
        return functional.mse_loss(self.head(features), (target - self.mean) / self.deviation)
