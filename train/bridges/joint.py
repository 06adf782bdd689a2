"""Text and image together: sounds learn to lie at their species' names and at what is seen.

python -m train.bridges joint [--config FILE] [key=value ...]

The second stage of BioVITA (Shinoda et al. 2026, arXiv 2603.23883) with both towers of the teacher
frozen (train/bridges/joint_losses.py): the upper reference of the bridges, for it needs names *and*
sounds paired with pictures. Run, note and bundle are called `-pairs` for that. `image_weight=0` is
the text distillation of train.distill by the same clips, the lower one, and is not called so.
"""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import torch
from torch import Tensor, nn

from train.bridges.clips import check_named
from train.bridges.command import bridge_main
from train.bridges.joint_losses import joint_contrast
from train.bridges.training import BridgeParts, prepare, teach
from train.config.joint import JointConfig
from train.engine.loop import LogScale, mixed_precision
from train.engine.ranks import ALONE, Ranks
from train.engine.resume import Drawing
from train.runs import marked

METHOD, PAIRS = "joint", "pairs"


class JointContrast:
    """Pulls each sound towards its species' text and towards one of its rows, drawn uniformly.

    Args:
        parts: of the training, made ready.
        config: weights and batches.
    """

    def __init__(self, parts: BridgeParts, config: JointConfig) -> None:
        self._config, self._ranks, self._device = config, parts.ranks, parts.device
        self._student, self._pairs = parts.student, parts.sampler()
        self._scale = LogScale(config.temperature).to(parts.device)
        self._texts = torch.from_numpy(parts.anchors).to(parts.device)
        self._drawn = torch.Generator().manual_seed(config.seed)

    @property
    def modules(self) -> tuple[nn.Module, ...]:
        """Modules that learn."""
        return self._student, self._scale

    @property
    def generators(self) -> tuple[Drawing, ...]:
        """Generators of batches, and of templates and rows."""
        return self._pairs, self._drawn

    def loss(self) -> Tensor:
        """Of a new batch; sounds are compared with the rows of all ranks."""
        config, batch = self._config, self._pairs.batch(self._config.batch)
        rows = self._ranks.gather(batch.rows)
        with mixed_precision(self._device, self._student.tower.depthwise, config.bfloat16):
            embedded = self._student(batch.log_mel)
        return joint_contrast(
            self._ranks.gather(embedded.float()),
            texts=self._texts[self._number(len(self._texts), 1)][0],
            pictures=rows[torch.arange(len(rows)), self._number(rows.shape[1], len(rows))],
            labels=self._ranks.gather(batch.labels.to(self._device)),
            scale=self._scale(),
            text_weight=config.text_weight,
            image_weight=config.image_weight,
        )

    def _number(self, below: int, count: int) -> Tensor:
        """So many numbers, int64[count], the same on every rank."""
        return torch.randint(below, (count,), generator=self._drawn).to(self._device)


def join(config: JointConfig, ranks: Ranks = ALONE) -> Path:
    """Train by names and pictures.

    Returns:
        The checkpoint's folder, called `-pairs` if pictures were looked at.

    Raises:
        BirdlistenError: clips, teacher or student can't be used, or a clip has no species.
    """
    if config.learns_from_pairs:
        output = config.output and str(marked(Path(config.output), PAIRS))
        parts = prepare(replace(config, output=output), f"{METHOD}-{PAIRS}", ranks)
        parts = replace(parts, clips=replace(parts.clips, name=f"{parts.clips.name}-{PAIRS}"))
    else:
        parts = prepare(config, METHOD, ranks)
    check_named(parts.pairs.clips, METHOD)
    return teach(parts, JointContrast(parts, config), METHOD)


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command."""
    return bridge_main(METHOD, JointConfig, join, __doc__, argv)
