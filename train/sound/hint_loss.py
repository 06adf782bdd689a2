"""Cost to a student of hearing otherwise than the hint's network does."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional

from train.model.frontend import InputSpec
from train.sound.hints import STEP_S

_LEAST_DEVIATION = 0.1
NONE_LOGIT = -2.0
"""Of what stands for none of the labels: a network that gives each less than one in eight hears
no bird that it could name."""


def with_none(logits: Tensor) -> Tensor:
    """Logits of labels, and that of none of them: float32[n, labels] -> [n, labels + 1]."""
    return torch.cat([logits, logits.new_full((len(logits), 1), NONE_LOGIT)], dim=1)


def statistics(hints: Tensor) -> tuple[Tensor, Tensor]:
    """Mean and deviation that float32[n, dim] are standardised with."""
    return hints.mean(dim=0), hints.std(dim=0) + _LEAST_DEVIATION


class NoHint(nn.Module):
    """Stands where there is no hint: it costs nothing."""

    def forward(self, features: Tensor, recordings: Tensor, starts: Tensor) -> Tensor:
        """Zero."""
        return features.new_zeros(())


class HintLoss(nn.Module):
    """Mean squared error between the features and the standardised embedding of the network.

    Features of another width are mapped to it linearly. A window that is longer than what the
    network hears is to predict the mean of what it made of its parts.

    Args:
        hints: float16[n, dim + labels] a recording.
        labels: how many of the columns are logits.
        features: width of the student's features.
        input_spec: says how long a frame is, and a window.
        heard_s: how much the network hears at a time.
        direct: the features are the embedding itself, not yet standardised.
    """

    mean: Tensor
    deviation: Tensor
    rows: Tensor

    def __init__(
        self,
        hints: Sequence[Tensor],
        labels: int,
        features: int,
        input_spec: InputSpec,
        heard_s: float,
        direct: bool = False,
    ) -> None:
        super().__init__()
        spec = input_spec.frontend
        self._frames_a_step = STEP_S * spec.sample_rate_hz / spec.hop_samples
        spare_s = input_spec.window_samples / spec.sample_rate_hz - heard_s
        self._steps = torch.arange(max(round(spare_s / STEP_S), 0) + 1)
        self._counts = torch.tensor([len(hint) for hint in hints])
        self._begins = self._counts.cumsum(0) - self._counts
        rows = torch.cat(list(hints))
        self.dim, self.features = rows.shape[1] - labels, features
        self._direct = direct and features == self.dim
        self.head = nn.Identity() if features == self.dim else nn.Linear(features, self.dim)
        mean, deviation = statistics(rows[:, : self.dim].float())
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
        target = self._parts(recordings, starts)[..., : self.dim].mean(dim=1)
        wanted = (target - self.mean) / self.deviation
        found = self.head(features)
        if self._direct:
            found = (found - self.mean) / self.deviation
        return functional.mse_loss(found, wanted)

    def belief(self, recordings: Tensor, starts: Tensor, labels: Tensor | None = None) -> Tensor:
        """The network's belief in its labels, float32[batch, labels + 1]; the last is for none.

        The softmax of its logits; of a longer window's parts the one that is surest of a label.

        Args:
            recordings: int64[batch], each window's recording.
            starts: int64[batch], its first frame.
            labels: int64[labels] that are asked for; None asks for all.
        """
        logits = self._parts(recordings, starts)[..., self.dim :].amax(dim=1)
        logits = logits if labels is None else logits[:, labels.to(logits.device)]
        return with_none(logits).softmax(dim=1)

    def _parts(self, recordings: Tensor, starts: Tensor) -> Tensor:
        """float32[batch, parts, dim + labels]: the hints nearest to the parts of each window."""
        steps = (starts / self._frames_a_step).round().long()[:, None] + self._steps
        last = self._counts[recordings, None] - 1
        places = self._begins[recordings, None] + steps.minimum(last)
        return self.rows[places.to(self.rows.device)].float()
