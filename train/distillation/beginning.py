"""The student as a distillation begins with it."""

from collections.abc import Sequence

from torch import Tensor

from train.config import DistillConfig
from train.model.student import Student, StudentInit


def begin_student(
    config: DistillConfig, start: StudentInit, species: Sequence[str], anchors: Tensor
) -> Student:
    """The student with the projection that is configured.

    Args:
        config: `projection_names`, `projection_hidden`, `freeze_tower`.
        start: its tower.
        species: ids.
        anchors: float32[species, dim], unit rows.

    Raises:
        ConfigError: it is to tell names, and begins with no layer that does.
    """
    if config.projection_names:
        return start.naming_student(species, anchors, config.projection_hidden)
    student = start.student(anchors.shape[1], config.projection_hidden)
    if config.freeze_tower:
        student.freeze_tower()
    return student
