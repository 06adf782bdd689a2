"""The training loop: AdamW, linear warm-up and cosine, a progress bar, JSON lines, one seed."""

import json
import math
import os
from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.optim import AdamW
from torch.optim.lr_scheduler import LambdaLR
from tqdm import tqdm

from edge.contract.errors import ConfigError

_MAX_LOG_SCALE = math.log(100)


@dataclass(frozen=True)
class Schedule:
    """How long and how fast to learn."""

    steps: int
    learning_rate: float
    weight_decay: float = 0.01
    warmup: int = 20
    """Steps of linear warm-up; the rest is half a cosine to zero."""


class LogScale(nn.Module):
    """CLIP's learned inverse temperature, at most 100."""

    def __init__(self, temperature: float = 0.07) -> None:
        super().__init__()
        self.log_scale = nn.Parameter(torch.tensor(-math.log(temperature)))

    def forward(self) -> Tensor:
        """The scale s of the logits."""
        return self.log_scale.clamp(max=_MAX_LOG_SCALE).exp()


def fit(
    modules: Iterable[nn.Module],
    loss: Callable[[], Tensor],
    schedule: Schedule,
    title: str,
    log: Path | None = None,
) -> None:
    """Minimise a loss that draws its own batches.

    Args:
        modules: whose parameters learn.
        loss: called once a step.
        schedule: how long and how fast.
        title: shown by the progress bar.
        log: JSON lines of step, loss and learning rate.

    Raises:
        ConfigError: the loss is no longer a number; nothing is saved.
    """
    optimizer = AdamW(
        _groups(modules, schedule.weight_decay), lr=schedule.learning_rate, fused=True
    )
    rate = LambdaLR(optimizer, lambda step: _factor(step, schedule))
    with (log or Path(os.devnull)).open("w", encoding="utf-8", buffering=1) as lines:
        for step in (bar := tqdm(range(schedule.steps), title, disable=None)):
            value = loss()
            _check_finite(value, step, title)
            optimizer.zero_grad(set_to_none=True)
            value.backward()  # type: ignore[no-untyped-call]
            optimizer.step()
            metrics = {"step": step, "loss": value.item(), "learning_rate": rate.get_last_lr()[0]}
            lines.write(json.dumps(metrics) + "\n")
            bar.set_postfix(loss=f"{metrics['loss']:.3f}")
            rate.step()


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
    device: torch.device, depthwise: bool = False
) -> AbstractContextManager[object]:
    """bfloat16 autocast where the hardware has it; losses stay in float32 outside of it.

    Args:
        device: where the model is.
        depthwise: the model is made of depthwise convolutions, which take twice as long in
            bfloat16 on a processor.
    """
    capable = bool(torch.cpu.get_capabilities().get("avx512_bf16"))
    native = device.type == "cuda" or (capable and not depthwise)
    return torch.autocast(device.type, torch.bfloat16, enabled=native)


def _check_finite(value: Tensor, step: int, title: str) -> None:
    if not value.isfinite():
        raise ConfigError(
            f"{title}: the loss is {value.item()} at step {step}; try a lower learning_rate"
        )


def _groups(modules: Iterable[nn.Module], weight_decay: float) -> list[dict[str, object]]:
    parameters = [one for module in modules for one in module.parameters() if one.requires_grad]
    decayed = [one for one in parameters if one.ndim > 1]
    free = [one for one in parameters if one.ndim <= 1]
    return [
        {"params": decayed, "weight_decay": weight_decay},
        {"params": free, "weight_decay": 0.0},
    ]


def _factor(step: int, schedule: Schedule) -> float:
    if step < schedule.warmup:
        return (step + 1) / schedule.warmup
    done = (step - schedule.warmup) / max(schedule.steps - schedule.warmup, 1)
    return 0.5 * (1 + math.cos(math.pi * done))
