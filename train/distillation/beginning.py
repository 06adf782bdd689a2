"""The student as a distillation begins with it."""

from collections.abc import Sequence

from torch import Tensor

from train.config import DistillConfig
from train.model.layers import freeze_lowest
from train.model.lora import adapt
from train.model.student import Student, StudentInit


def begin_student(
    config: DistillConfig, start: StudentInit, species: Sequence[str], anchors: Tensor
) -> Student:
    """The student with the projection that is configured.

    Args:
        config: its projection, and what of it rests, is adapted, and is kept in memory.
        start: its tower.
        species: ids.
        anchors: float32[species, dim], unit rows.

    Raises:
        ConfigError: it is to tell names, and begins with no layer that does; or its tower can't be
            adapted or frozen so.
        MissingPackageError: what adapts it is not installed.
    """
    if config.projection_names:
        return start.naming_student(species, anchors, config.projection_hidden)
    student = start.student(anchors.shape[1], config.projection_hidden)
    if config.lora_rank:
        adapt(student.tower, config.lora_rank, config.lora_alpha)
    if config.freeze_layers:
        freeze_lowest(student.tower, student.tower.depths(), config.freeze_layers)
    if config.freeze_tower:
        student.freeze_tower()
    if config.gradient_checkpointing:
        student.tower.recompute()
    return student
