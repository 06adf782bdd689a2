"""Plan of a distillation: its cost, before it is begun."""

from collections.abc import Mapping

import torch
from torch import Tensor, nn
from torch.autograd.graph import saved_tensors_hooks
from torch.utils.flop_counter import FlopCounterMode

from gallery.data.corpora import open_dataset
from gallery.teacher import load_teacher
from train.config import DistillConfig
from train.distillation.beginning import begin_student
from train.distillation.large_student import open_large_student
from train.model.student import open_student
from train.sound.training_set import left_out

_BYTES = 4
_BACKWARD = 3
"""Forward and backward take about three times the operations of forward alone."""


def plan(config: DistillConfig) -> dict[str, str]:
    """Parameters, operations, memory and steps; nothing is decoded, trained or written.

    Raises:
        BirdlistenError: data set, teacher or student can't be used.
    """
    dataset = open_dataset(config.data, config.taxon)
    species = set(dataset.taxonomy.ids) - set(left_out(config.species, config.held_out, dataset))
    recordings = len(dataset.select("audio", "train", species))
    start = open_student(config.student, config.frontend)
    teacher = load_teacher(config.teacher)
    dim = teacher.embed_texts(["a bird"]).shape[1]
    ids = dataset.taxonomy.ids
    student = begin_student(config, start, ids, torch.zeros(len(ids), dim)).train()
    input_spec = start.input_spec(config.window_s)
    window = torch.zeros(2, 1, input_spec.frames, start.spec.mel_bins)
    taught_windows = config.taught if config.hint else 0
    batch = config.batch + round(config.outliers * config.batch) + taught_windows
    windows = batch * config.accumulate
    flops = count_flops(student, window) / len(window)
    large_student = open_large_student(config.large_student, teacher.space_id, input_spec)
    taught = count_flops(large_student, window) / len(window) if large_student else 0.0
    kept = count_saved_bytes(student, window) / len(window)
    numbers = sum(parameter.numel() for parameter in student.parameters())
    return {
        "recordings": f"{recordings} of {len(species)} species",
        "parameters": f"{numbers / 1e6:.2f} M",
        "a window, forward": f"{flops / 1e9:.2f} GFLOP",
        "a step": f"{(_BACKWARD * flops + taught) * windows / 1e9:.0f} GFLOP, {windows} windows",
        "weights and optimiser": _megabytes(_copies(config) * numbers * _BYTES),
        "activations": f"{_megabytes(kept * batch)} in float32",
        "steps": f"{config.steps}, {_epochs(config, recordings):.1f} windows a recording",
    }


def to_text(lines: Mapping[str, str]) -> str:
    """The plan with aligned names."""
    width = max(map(len, lines))
    return "\n".join(f"{name:{width}}  {value}" for name, value in lines.items())


def count_flops(model: nn.Module, inputs: Tensor) -> int:
    """Floating-point operations of one forward pass."""
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        model(inputs)
    return int(counter.get_total_flops())


def count_saved_bytes(model: nn.Module, inputs: Tensor) -> int:
    """Bytes that a forward pass keeps for the backward pass, parameters aside."""
    own = {parameter.untyped_storage().data_ptr() for parameter in model.parameters()}
    sizes: dict[int, int] = {}

    def note(saved: Tensor) -> Tensor:
        storage = saved.untyped_storage()
        if storage.data_ptr() not in own:
            sizes[storage.data_ptr()] = storage.nbytes()
        return saved

    with saved_tensors_hooks(note, lambda saved: saved):
        output = model(inputs)
    del output
    return sum(sizes.values())


def _copies(config: DistillConfig) -> int:
    """Weight, gradient and two moments of AdamW, and the moving average."""
    return 4 + bool(config.ema)


def _epochs(config: DistillConfig, recordings: int) -> float:
    return config.steps * config.batch * config.accumulate / max(recordings, 1)


def _megabytes(count: float) -> str:
    return f"{count / 2**20:.0f} MiB"
