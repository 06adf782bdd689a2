"""Text and image together: sounds learn to lie at their species' names and at what is seen.

python -m train.bridges joint [--config FILE] [key=value ...]

The second stage of BioVITA (Shinoda et al. 2026, arXiv 2603.23883) with both towers of the teacher
frozen (train/bridges/joint_losses.py): the upper reference of the bridges, for it needs names *and*
sounds paired with pictures: frames of the same clip, or pictures of the same species (`pictures=`).
Run, note and bundle are called `-pairs` for that. `image_weight=0` is text distillation by the same
clips, the lower one, and is not called so; `shuffle_taxonomy=1` its control.
"""

from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from edge.contract.arrays import Embeddings, Places
from gallery.data.corpora import open_dataset
from train.bridges.clips import check_named, open_clips
from train.bridges.command import bridge_main
from train.bridges.joint_losses import joint_contrast
from train.bridges.pictured import load_pictured
from train.bridges.training import BridgeParts, prepare, teach
from train.config.joint import JointConfig
from train.distillation.anchors import cached_anchors
from train.distillation.shuffled_ranks import shuffled_ranks
from train.engine.loop import LogScale, mixed_precision
from train.engine.ranks import ALONE, Ranks
from train.engine.resume import Drawing
from train.runs import CACHE, marked

METHOD = "joint"


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
        learned = learned_places(parts)
        sentences = np.take(_sentences(parts, config), learned, axis=1)
        self._texts = torch.from_numpy(sentences).to(parts.device)
        self._columns = torch.full((len(parts.clips.taxonomy.ids),), -1)
        self._columns[learned] = torch.arange(len(learned))
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
            labels=self._ranks.gather(self._columns[batch.labels].to(self._device)),
            scale=self._scale(),
            text_weight=config.text_weight,
            image_weight=config.image_weight,
        )

    def _number(self, below: int, count: int) -> Tensor:
        """So many numbers, int64[count], the same on every rank."""
        return torch.randint(below, (count,), generator=self._drawn).to(self._device)


def learned_places(parts: BridgeParts) -> Places:
    """Places in the taxonomy of what is learned: a held-out name is no negative either."""
    ids = parts.clips.taxonomy.ids
    return np.array([ids.index(name) for name in parts.pairs.seen_species])


def _sentences(parts: BridgeParts, config: JointConfig) -> Embeddings:
    """Anchors that are learned by, float32[templates, species, dim]: the true ones, or shuffled."""
    if not config.shuffle_taxonomy:
        return parts.anchors
    moved = shuffled_ranks(parts.clips.taxonomy, config.shuffle_taxonomy)
    return cached_anchors(parts.teacher, moved, CACHE)


def join(config: JointConfig, ranks: Ranks = ALONE) -> Path:
    """Train by names and pictures.

    Returns:
        The checkpoint's folder, called `-pairs` if pictures were looked at, and
        `-shuffled-taxonomy` if the ranks were others'.

    Raises:
        BirdlistenError: clips, teacher or student can't be used, or a clip has no species.
    """
    name, output = "-".join((METHOD, *config.marks)), config.output
    for mark in config.marks:
        output = output and str(marked(Path(output), mark))
    parts = _prepared(replace(config, output=output), name, ranks)
    told = "-".join((parts.clips.name, *config.marks))
    parts = replace(parts, clips=replace(parts.clips, name=told))
    return teach(parts, JointContrast(parts, config), METHOD)


def _prepared(config: JointConfig, name: str, ranks: Ranks) -> BridgeParts:
    """Parts whose rows are frames, or pictures of the same species."""
    if not config.pictures:
        clips = open_clips(config.data, config.taxon).select("train", config.held_out)
        check_named(clips, METHOD)  # before all frames are embedded
        return prepare(config, name, ranks)
    pictures = open_dataset(config.pictures, config.taxon)
    return prepare(config, name, ranks, load=partial(load_pictured, pictures=pictures))


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command."""
    return bridge_main(METHOD, JointConfig, join, description=__doc__, argv=argv)
