"""Modules that learn, a step at a time: AdamW, a moving average, the best weights."""

import math
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from types import MappingProxyType
from typing import Any

import torch
from torch import Tensor, nn
from torch.amp.grad_scaler import GradScaler
from torch.optim import AdamW

from edge.contract.errors import ConfigError
from train.engine.ranks import ALONE, Ranks
from train.engine.schedule import LearningSchedule, parameter_groups
from train.engine.stopping import EarlyStopping

WHOLE: Mapping[nn.Parameter, float] = MappingProxyType({})
"""Every parameter has all of the learning rate."""


class Training:
    """Modules that learn, a step at a time.

    Args:
        modules: whose parameters learn.
        schedule: how fast.
        ranks: among which every step is shared.
        rates: shares of the learning rate, of parameters that have not all of it.
    """

    def __init__(
        self,
        modules: Iterable[nn.Module],
        schedule: LearningSchedule,
        ranks: Ranks = ALONE,
        rates: Mapping[nn.Parameter, float] = WHOLE,
    ) -> None:
        self.step = 0
        self.stale = 0
        """Validations since the best one."""
        self._modules = nn.ModuleList(modules)
        self._schedule, self._ranks = schedule, ranks
        groups, self._shares = parameter_groups(self._modules, schedule.weight_decay, rates)
        self._optimizer = AdamW(groups, lr=schedule.learning_rate, fused=True)
        device = next(self._modules.parameters()).device.type
        self._scaler = GradScaler(device, enabled=schedule.float16)
        self._average = (
            [parameter.detach().clone() for parameter in self._parameters] if schedule.ema else []
        )
        self._best: dict[str, Any] = {}

    @property
    def _parameters(self) -> list[Tensor]:
        return [parameter for parameter in self._modules.parameters() if parameter.requires_grad]

    def advance(self, loss: Callable[[], Tensor], title: str) -> dict[str, float]:
        """One step of the optimiser.

        Returns:
            Step, loss and learning rate; and where gradients are clipped, how long they were.

        Raises:
            ConfigError: the loss is no longer a number.
        """
        rate = self._set_rate()
        self._optimizer.zero_grad(set_to_none=True)
        mean = sum(self._backward(loss, title) for _ in range(self._schedule.accumulate))
        self._ranks.average_gradients(self._parameters)
        self._scaler.unscale_(self._optimizer)
        metrics = {
            "step": self.step,
            "loss": self._ranks.mean(mean),
            "learning_rate": rate,
            **self._clip(),
        }
        self._scaler.step(self._optimizer)
        self._scaler.update()
        self.step += 1
        if self._average:
            torch._foreach_lerp_(self._average, self._parameters, 1 - self._schedule.ema)
        return metrics

    def validate(self, validation: EarlyStopping) -> float:
        """Score the weights as they would be saved now; the best are remembered."""
        with self._averaged():
            score = validation.score()
            self.stale += 1
            if score > self._best.get("score", -math.inf):
                self.stale = 0
                weights = {
                    name: tensor.clone() for name, tensor in self._modules.state_dict().items()
                }
                self._best = {"score": score, "weights": weights}
        return score

    def finish(self) -> None:
        """Leave in the modules what counts: the best weights, or their average, or the last."""
        if self._best:
            self._modules.load_state_dict(self._best["weights"])
        elif self._average:
            self._exchange()

    def state_dict(self) -> dict[str, Any]:
        """Everything that changes, see `train.engine.resume`."""
        return {
            "step": self.step,
            "stale": self.stale,
            "modules": self._modules.state_dict(),
            "optimizer": self._optimizer.state_dict(),
            "scaler": self._scaler.state_dict(),
            "average": self._average,
            "best": self._best,
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Be as `state_dict` was."""
        self.step, self.stale, self._best = state["step"], state["stale"], state["best"]
        self._modules.load_state_dict(state["modules"])
        self._optimizer.load_state_dict(state["optimizer"])
        if state.get("scaler"):
            self._scaler.load_state_dict(state["scaler"])
        for average, kept in zip(self._average, state["average"], strict=True):
            average.copy_(kept)

    def _set_rate(self) -> float:
        """By the schedule of today: a training that goes on may have been given more steps."""
        rate = self._schedule.rate(self.step)
        for group, share in zip(self._optimizer.param_groups, self._shares, strict=True):
            group["lr"] = rate * share
        return rate

    def _clip(self) -> dict[str, float]:
        """Shorten the gradient to `clip_norm` (Pascanu et al. 2013, arXiv 1211.5063)."""
        if not self._schedule.clip_norm:
            return {}
        norm = nn.utils.clip_grad_norm_(self._parameters, self._schedule.clip_norm).item()
        return {"gradient_norm": norm} if math.isfinite(norm) else {}

    def _backward(self, loss: Callable[[], Tensor], title: str) -> float:
        value = loss() / self._schedule.accumulate
        _check_finite(value, self.step, title)
        self._scaler.scale(value).backward()  # type: ignore[no-untyped-call]
        return value.item()

    @contextmanager
    def _averaged(self) -> Iterator[None]:
        """With the average of the weights in the modules, if there is one."""
        self._exchange()
        yield
        self._exchange()

    @torch.no_grad()
    def _exchange(self) -> None:
        for parameter, average in zip(self._parameters, self._average, strict=False):
            kept = parameter.clone()
            parameter.copy_(average)
            average.copy_(kept)


def _check_finite(value: Tensor, step: int, title: str) -> None:
    if not value.isfinite():
        raise ConfigError(
            f"{title}: the loss is {value.item()} at step {step}; try a lower learning_rate"
        )
