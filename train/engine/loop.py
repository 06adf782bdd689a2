"""The training loop: steps, validation, snapshots, and what is told meanwhile."""

import math
from collections.abc import Callable, Iterable, Mapping
from contextlib import AbstractContextManager
from pathlib import Path

import torch
from torch import Tensor, nn

from edge.contract.errors import ConfigError
from train.engine.journal import open_log
from train.engine.progress import progress
from train.engine.ranks import ALONE, Ranks
from train.engine.resume import Snapshots
from train.engine.schedule import LearningSchedule
from train.engine.stopping import EarlyStopping
from train.engine.training import WHOLE, Training

_MAX_LOG_SCALE = math.log(100)


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
    schedule: LearningSchedule,
    title: str,
    log: Path | None = None,
    snapshots: Snapshots | None = None,
    validation: EarlyStopping | None = None,
    ranks: Ranks = ALONE,
    rates: Mapping[nn.Parameter, float] = WHOLE,
    project: str = "",
) -> None:
    """Minimise a loss that draws its own batches.

    Args:
        modules: whose parameters learn.
        loss: called once a step, or `schedule.accumulate` times.
        schedule: how long and how fast.
        title: shown by the progress bar.
        log: JSON lines of step, loss and learning rate; TensorBoard's events lie beside.
        snapshots: where the training is kept meanwhile, and goes on from. Its file stays: whoever
            has saved what was learned calls `done`.
        validation: what the weights are judged by, and when a training ends early.
        ranks: among which every step is shared.
        rates: shares of the learning rate, of parameters that have not all of it.
        project: of Weights & Biases, which is told of each step, too.

    Raises:
        ConfigError: the loss is no longer a number, and nothing is saved; or what was kept is of
            another training, or has taken more steps than this one would.
    """
    training = Training(modules, schedule, ranks, rates)
    if snapshots:
        snapshots.take_up(training, schedule.steps)
    steps = range(training.step, schedule.steps)
    with open_log(log if ranks.first else None, training.step, project) as write:
        bar = progress(steps, title, schedule.steps, initial=training.step, shown=ranks.first)
        for _ in bar:
            metrics = training.advance(loss, title)
            if validation and validation.due(training.step, schedule.steps):
                metrics[validation.name] = training.validate(validation)
            write(metrics)
            bar.set_postfix(loss=f"{metrics['loss']:.3f}", refresh=False)
            if snapshots and training.step % snapshots.every == 0:
                snapshots.keep(training)
            if validation and validation.over(training.stale):
                break
    training.finish()


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
    device: torch.device, depthwise: bool = False, wanted: bool = True, float16: bool = False
) -> AbstractContextManager[object]:
    """bfloat16 autocast where the hardware has it; losses stay in float32 outside of it.

    Args:
        device: where the model is.
        depthwise: the model is made of depthwise convolutions, which take twice as long in
            bfloat16 on a processor.
        wanted: at all.
        float16: in its place, wherever it is.
    """
    if float16:
        return torch.autocast(device.type, torch.float16)
    capable = bool(torch.cpu.get_capabilities().get("avx512_bf16"))
    cuda = device.type == "cuda" and torch.cuda.is_bf16_supported(including_emulation=False)
    native = cuda or (device.type == "cpu" and capable and not depthwise)
    return torch.autocast(device.type, torch.bfloat16, enabled=native and wanted)
