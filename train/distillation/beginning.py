"""The student as a distillation begins with it."""

import copy
import logging
from collections.abc import Sequence
from pathlib import Path

from torch import Tensor

from edge.contract.errors import ConfigError, DatasetError
from gallery.data.dataset import Dataset
from train.config import DistillConfig
from train.config.bridging import BridgeConfig
from train.model.checkpoint import Checkpoint
from train.model.layers import freeze_lowest
from train.model.lora import adapt
from train.model.start import StudentInit
from train.model.student import Student

_LOG = logging.getLogger(__name__)


def check_run(config: DistillConfig, start: StudentInit, space_id: str, dataset: Dataset) -> None:
    """Refuse to go on with a run that doesn't fit; a student that is no run fits.

    Args:
        config: `student` and `teacher`, and the window, whose change is logged.
        start: of the student.
        space_id: of the teacher.
        dataset: to learn by.

    Raises:
        ConfigError: the run's projection leads into another teacher's space.
        DatasetError: the run heard the synthetic aviary, and is to hear real birds.
    """
    run = start.run
    if run is None:
        return
    check_kin(config, run, space_id, synthetic=dataset.synthetic, path=dataset.path)
    if run.window_samples != start.input_spec(config.window_s).window_samples:
        heard_s = run.window_samples / run.frontend.sample_rate_hz
        _LOG.warning(
            "%s hears windows of %g s; from now on %g s (window_s)",
            config.student,
            heard_s,
            config.window_s,
        )


def check_kin(
    config: DistillConfig | BridgeConfig,
    run: Checkpoint,
    space_id: str,
    synthetic: bool,
    path: Path,
) -> None:
    """Refuse a run of another space, or of the aviary where real birds are heard.

    Args:
        config: `student` and `teacher`, for the error.
        run: to go on with.
        space_id: of the teacher.
        synthetic: True of data from the aviary.
        path: of the data.

    Raises:
        ConfigError: the run's projection leads into another teacher's space.
        DatasetError: the run heard the synthetic aviary, and is to hear real birds.
    """
    if run.space_id != space_id:
        raise ConfigError(
            f"student: {config.student} embeds in the space {run.space_id:.12}, {config.teacher} "
            f"has {space_id:.12}; name the teacher that it learned from: "
            f"teacher={run.config['teacher']}"
        )
    if run.synthetic and not synthetic:
        raise DatasetError(
            f"student: {config.student} was trained on the synthetic aviary, which never mixes "
            f"with real birds ({path}); begin with another student"
        )


def begin_student(
    config: DistillConfig, start: StudentInit, species: Sequence[str], anchors: Tensor
) -> Student:
    """The student with the projection that is configured, or that of the run that it goes on from.

    Args:
        config: its projection, and what of it rests, is adapted, and is kept in memory.
        start: its tower, or the run.
        species: ids.
        anchors: float32[species, dim], unit rows.

    Raises:
        ConfigError: it is to tell names, and begins with no layer that does; the run's projection
            is another; or its tower can't be adapted or frozen so.
        MissingPackageError: what adapts it is not installed.
    """
    if start.run is not None:
        student = student_of(start.run, config, names=bool(config.projection_names))
    elif config.projection_names:
        student = start.naming_student(species, anchors, config.projection_hidden)
    else:
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


def student_of(
    run: Checkpoint, config: DistillConfig | BridgeConfig, names: bool = False
) -> Student:
    """A run's student as it is, of its own; its projection isn't changed by a setting.

    Args:
        run: that is gone on with.
        config: `student` and `projection_hidden`.
        names: True if a projection by names is asked for.

    Raises:
        ConfigError: the run's projection is another.
    """
    student = run.student
    lacks_names = names and not student.projection_names
    if config.projection_hidden not in (0, student.projection_hidden) or lacks_names:
        raise ConfigError(
            f"projection_hidden, projection_names: {config.student} has a projection of its own "
            f"(hidden {student.projection_hidden}), which is gone on with; leave them out"
        )
    # It is begun more than once, to be measured and to learn: the run's own stays as it was.
    return copy.deepcopy(student)
