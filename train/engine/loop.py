"""The training loop: AdamW, linear warm-up and cosine, a moving average, a progress bar."""

import math
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.optim import AdamW
from torch.optim.lr_scheduler import LambdaLR
from tqdm import tqdm

from edge.contract.errors import ConfigError
from train.engine.journal import open_log
from train.engine.ranks import ALONE, Ranks
from train.engine.resume import Snapshots
from train.engine.stopping import EarlyStopping

_MAX_LOG_SCALE = math.log(100)


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


class LogScale(nn.Module):
    """CLIP's learned inverse temperature, at most 100."""

    def __init__(self, temperature: float = 0.07) -> None:
        super().__init__()
        self.log_scale = nn.Parameter(torch.tensor(-math.log(temperature)))

    def forward(self) -> Tensor:
        """The scale s of the logits."""
        return self.log_scale.clamp(max=_MAX_LOG_SCALE).exp()


class Training:
    """Modules that learn, a step at a time.

    Args:
        modules: whose parameters learn.
        schedule: how fast.
        ranks: among which every step is shared.
    """

    def __init__(
        self,
        modules: Iterable[nn.Module],
        schedule: LearningSchedule,
        ranks: Ranks = ALONE,
    ) -> None:
        self.step = 0
        self.stale = 0
        """Validations since the best one."""
        self._modules = nn.ModuleList(modules)
        self._schedule, self._ranks = schedule, ranks
        groups = _groups(self._modules, schedule.weight_decay)
        self._optimizer = AdamW(groups, lr=schedule.learning_rate, fused=True)
        self._rate = LambdaLR(self._optimizer, lambda step: _factor(step, schedule))
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
            Step, loss and learning rate.

        Raises:
            ConfigError: the loss is no longer a number.
        """
        self._optimizer.zero_grad(set_to_none=True)
        mean = sum(self._backward(loss, title) for _ in range(self._schedule.accumulate))
        self._ranks.average_gradients(self._parameters)
        self._optimizer.step()
        metrics = {
            "step": self.step,
            "loss": self._ranks.mean(mean),
            "learning_rate": float(self._rate.get_last_lr()[0]),
        }
        self._rate.step()
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
            "rate": self._rate.state_dict(),
            "average": self._average,
            "best": self._best,
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Be as `state_dict` was."""
        self.step, self.stale, self._best = state["step"], state["stale"], state["best"]
        self._modules.load_state_dict(state["modules"])
        self._optimizer.load_state_dict(state["optimizer"])
        self._rate.load_state_dict(state["rate"])
        for average, kept in zip(self._average, state["average"], strict=True):
            average.copy_(kept)

    def _backward(self, loss: Callable[[], Tensor], title: str) -> float:
        value = loss() / self._schedule.accumulate
        _check_finite(value, self.step, title)
        value.backward()  # type: ignore[no-untyped-call]
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


def fit(
    modules: Iterable[nn.Module],
    loss: Callable[[], Tensor],
    schedule: LearningSchedule,
    title: str,
    log: Path | None = None,
    snapshots: Snapshots | None = None,
    validation: EarlyStopping | None = None,
    ranks: Ranks = ALONE,
) -> None:
    """Minimise a loss that draws its own batches.

    Args:
        modules: whose parameters learn.
        loss: called once a step, or `schedule.accumulate` times.
        schedule: how long and how fast.
        title: shown by the progress bar.
        log: JSON lines of step, loss and learning rate; TensorBoard's events lie beside.
        snapshots: where the training is kept meanwhile, and goes on from.
        validation: what the weights are judged by, and when a training ends early.
        ranks: among which every step is shared.

    Raises:
        ConfigError: the loss is no longer a number, and nothing is saved; or what was kept is of
            another training.
    """
    training = Training(modules, schedule, ranks)
    if snapshots:
        snapshots.take_up(training)
    steps = range(training.step, schedule.steps)
    with open_log(log if ranks.first else None, training.step) as write:
        hidden = None if ranks.first else True
        bar = tqdm(steps, title, initial=training.step, total=schedule.steps, disable=hidden)
        for _ in bar:
            metrics = training.advance(loss, title)
            if validation and validation.due(training.step, schedule.steps):
                metrics[validation.name] = training.validate(validation)
            write(metrics)
            bar.set_postfix(loss=f"{metrics['loss']:.3f}")
            if snapshots and training.step % snapshots.every == 0:
                snapshots.keep(training)
            if validation and validation.over(training.stale):
                break
    training.finish()
    if snapshots:
        snapshots.done()


def seed_everything(seed: int) -> None:
    """Make weights and dropout repeatable."""
    torch.manual_seed(seed)


def choose_device(name: str) -> torch.device:
    """Resolve `auto`.

    Raises:
        ConfigError: no such device.
    """
    if name == "auto":
        name = "cuda" if torch.cuda.is_available() else "cpu"
    try:
        return torch.zeros(0, device=name).device
    except (RuntimeError, AssertionError) as error:
        raise ConfigError(f"device: {name!r} can't be used; try device=cpu") from error


def mixed_precision(
    device: torch.device, depthwise: bool = False, wanted: bool = True
) -> AbstractContextManager[object]:
    """bfloat16 autocast where the hardware has it; losses stay in float32 outside of it.

    Args:
        device: where the model is.
        depthwise: the model is made of depthwise convolutions, which take twice as long in
            bfloat16 on a processor.
        wanted: at all.
    """
    capable = bool(torch.cpu.get_capabilities().get("avx512_bf16"))
    native = device.type == "cuda" or (capable and not depthwise)
    return torch.autocast(device.type, torch.bfloat16, enabled=native and wanted)


def _check_finite(value: Tensor, step: int, title: str) -> None:
    if not value.isfinite():
        raise ConfigError(
            f"{title}: the loss is {value.item()} at step {step}; try a lower learning_rate"
        )


def _groups(modules: Iterable[nn.Module], weight_decay: float) -> list[dict[str, object]]:
    parameters = [
        parameter
        for module in modules
        for parameter in module.parameters()
        if parameter.requires_grad
    ]
    decayed = [parameter for parameter in parameters if parameter.ndim > 1]
    free = [parameter for parameter in parameters if parameter.ndim <= 1]
    return [
        {"params": decayed, "weight_decay": weight_decay},
        {"params": free, "weight_decay": 0.0},
    ]


def _factor(step: int, schedule: LearningSchedule) -> float:
    if step < schedule.warmup:
        return (step + 1) / schedule.warmup
    done = (step - schedule.warmup) / max(schedule.steps - schedule.warmup, 1)
    return 0.5 * (1 + math.cos(math.pi * done))
