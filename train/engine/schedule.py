"""Schedule of learning: linear warm-up, then a cosine; groups of parameters by rate and decay."""

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from torch import Tensor, nn


@dataclass(frozen=True)
class LearningSchedule:
    """Schedule of learning: steps, rate, warm-up and accumulation."""

    steps: int
    learning_rate: float
    weight_decay: float = 0.01
    warmup: int = 20
    """Steps of linear warm-up; the rest is half a cosine to zero."""
    accumulate: int = 1
    """Batches whose gradients make one step."""
    ema: float = 0.0
    """Decay of the weights' moving average, which is what remains at the end; 0 averages none."""
    clip_norm: float = 0.0
    """Longest gradient of a step; a longer one is shortened. 0: any."""
    float16: bool = False
    """Scale the loss, so that small gradients are no zeros in float16."""

    def rate(self, step: int) -> float:
        """Learning rate of a step, from 0."""
        if step < self.warmup:
            return self.learning_rate * ((step + 1) / self.warmup)
        done = (step - self.warmup) / max(self.steps - self.warmup, 1)
        return self.learning_rate * (0.5 * (1 + math.cos(math.pi * done)))


def parameter_groups(
    modules: Iterable[nn.Module], weight_decay: float, rates: Mapping[nn.Parameter, float]
) -> tuple[list[dict[str, Any]], list[float]]:
    """Groups of the parameters that learn, as an optimiser takes them, and the share of each.

    Args:
        modules: whose parameters.
        weight_decay: of what has more than one dimension; biases and norms are free of it.
        rates: shares of the learning rate; a parameter that isn't named has it whole.
    """
    groups: dict[tuple[float, bool], list[Tensor]] = {(1.0, True): [], (1.0, False): []}
    for module in modules:
        for parameter in module.parameters():
            if parameter.requires_grad:
                kind = (rates.get(parameter, 1.0), parameter.ndim > 1)
                groups.setdefault(kind, []).append(parameter)
    made = [
        {"params": parameters, "weight_decay": weight_decay if decayed else 0.0}
        for (_, decayed), parameters in groups.items()
    ]
    return made, [share for share, _ in groups]
