"""Plan of a distillation: its cost, before it is begun."""

from collections.abc import Mapping
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

from gallery.data.corpora import open_dataset
from gallery.data.dataset import Dataset
from gallery.teacher import Teacher, load_teacher
from train.config import DistillConfig
from train.distillation.beginning import begin_student, check_run
from train.distillation.large_student import open_large_student
from train.distillation.needs import measure_needs, windows_at_once
from train.model.opening import open_student
from train.model.start import StudentInit
from train.model.student import Student
from train.sound.decoded import decoded
from train.sound.training_set import left_out

_BACKWARD = 3
"""Forward and backward take about three times the operations of forward alone."""


def plan(config: DistillConfig, cache: Path) -> dict[str, str]:
    """Parameters, operations, memory, disk and steps; nothing is decoded, trained or written.

    Args:
        config: everything about it.
        cache: where log-mels are kept.

    Raises:
        BirdlistenError: data set, teacher or student can't be used.
    """
    dataset = open_dataset(config.data, config.taxon)
    species = set(dataset.taxonomy.ids) - set(left_out(config.species, config.held_out, dataset))
    recordings = len(dataset.select("audio", "train", species))
    start = open_student(config.student, config.frontend, window_s=config.window_s)
    teacher = load_teacher(config.teacher)
    check_run(config, start, teacher.space_id, dataset)
    student = first_student(config, start, teacher, dataset)
    input_spec = start.input_spec(config.window_s)
    window = torch.zeros(2, 1, input_spec.frames, start.spec.mel_bins)
    windows = windows_at_once(config) * config.accumulate
    flops = count_flops(student, window) / len(window)
    large_student = open_large_student(config.large_student, teacher.space_id, input_spec)
    taught = count_flops(large_student, window) / len(window) if large_student else 0.0
    numbers = sum(parameter.numel() for parameter in student.parameters())
    needs = measure_needs(
        config, decoded(config, dataset), input_spec=input_spec, student=student, cache=cache
    )
    return {
        "recordings": f"{recordings} of {len(species)} species",
        "parameters": f"{numbers / 1e6:.2f} M",
        "a window, forward": f"{flops / 1e9:.2f} GFLOP",
        "a step": f"{(_BACKWARD * flops + taught) * windows / 1e9:.0f} GFLOP, {windows} windows",
        **needs.lines(),
        "steps": f"{config.steps}, {_epochs(config, recordings):.1f} windows a recording",
    }


def first_student(
    config: DistillConfig, start: StudentInit, teacher: Teacher, dataset: Dataset
) -> Student:
    """The student as it begins, without anchors, to be measured."""
    ids, dim = dataset.taxonomy.ids, teacher.embed_texts(["a bird"]).shape[1]
    return begin_student(config, start, ids, torch.zeros(len(ids), dim)).train()


def to_text(lines: Mapping[str, str]) -> str:
    """The plan with aligned names."""
    width = max(map(len, lines))
    return "\n".join(f"{name:{width}}  {value}" for name, value in lines.items())


def count_flops(model: nn.Module, inputs: Tensor) -> int:
    """Floating-point operations of one forward pass."""
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        model(inputs)
    return int(counter.get_total_flops())


def _epochs(config: DistillConfig, recordings: int) -> float:
    return config.steps * config.batch * config.accumulate / max(recordings, 1)
