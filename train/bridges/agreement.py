"""Temporal agreement of a clip's sound with its frames (Tsubaki et al. 2024, arXiv 2403.10756).

The audio tower learns, by contrast against a frozen image tower's rows of frames, and then, if
`text_steps` are given, against the frozen text tower's rows of some clips' captions or names.

match               pairs of a step
random              the clip's sound, and a frame drawn at random
nearest             ... for `random_epochs`; then the frame that is most like the sound
multiframe          each frame, and the sound at its time, a segment of `segment_s`
multiframe_clip     each frame, and the sound of the whole clip

Of a clip longer than `window_s` a window of sound is drawn, and only frames that are shown
meanwhile are its partners.

Of the paper its equation of Multiframe Match is not public to us: train/bridges/agreement_losses.py
says what is implemented, and why. A student of `multiframe` has learned from segments, and so
listens to windows of their length.
"""

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from edge.contract.errors import ConfigError
from train.bridges.agreement_losses import (
    chosen_nce,
    multiframe_clip_nce,
    multiframe_nce,
    near_positives,
    nearest_frames,
    nearest_nce,
)
from train.bridges.clip_sound import ClipSound
from train.bridges.command import bridge_main
from train.bridges.pairs import PairBatch, chosen_frames, frames_inside
from train.bridges.text_tuning import TextTuning, text_pairs
from train.bridges.training import BridgeParts, prepare, teach
from train.config import terms_of
from train.config.agreement import AgreementConfig
from train.engine.loop import LogScale
from train.engine.ranks import ALONE, Ranks
from train.engine.resume import Drawing
from train.model.checkpoint import META, load_checkpoint

_WITHOUT_TEXT: dict[str, Any] = {"text_pairs": 0, "text_steps": 0, "text_learning_rate": 5e-4}
"""Settings of the first stage, which knows nothing of the second."""
_PLACES = ("output", "device", "snapshot_every", "data", "teacher")
"""Settings that may be others where a finished first stage is taken up; a teacher may lie
elsewhere, its space is the same."""


class TemporalAgreement:
    """Pulls the sound of each clip towards frames of it.

    Args:
        parts: of the training, made ready.
        config: objective and batches.
    """

    def __init__(self, parts: BridgeParts, config: AgreementConfig) -> None:
        self._config, self._ranks = config, parts.ranks
        self._pairs = parts.sampler()
        self._sound = ClipSound(parts, config)
        self._scale = LogScale(config.temperature).to(parts.device)
        self._drawn = torch.Generator().manual_seed(config.seed)

    @property
    def modules(self) -> tuple[torch.nn.Module, ...]:
        """Modules that learn."""
        return self._sound.student, self._scale

    @property
    def generators(self) -> tuple[Drawing, ...]:
        """Generators of batches and of frames."""
        return self._pairs, self._drawn

    def loss(self) -> Tensor:
        """Of a new batch, whose clips are compared with those of all ranks."""
        nearest = self._pairs.epoch >= self._config.random_epochs
        batch = self._pairs.batch(self._config.batch)
        heard = self._ranks.gather(self._sound(batch))
        frames, near = self._ranks.gather(batch.rows), self._near(batch)
        inside = frames_inside(batch, self._config.window_s).to(frames.device)
        inside = self._ranks.gather(inside)
        if self._config.match == "multiframe":
            return multiframe_nce(heard, frames, self._scale(), near=near, inside=inside)
        audio = heard[:, 0]
        if self._config.match == "multiframe_clip":
            return multiframe_clip_nce(audio, frames, self._scale(), near=near, inside=inside)
        drawn = self._draw(inside)
        if self._config.match == "random" or not nearest:
            return chosen_nce(audio, frames, chosen=drawn, scale=self._scale(), near=near)
        if self._config.nearest_negatives:
            return nearest_nce(audio, frames, self._scale(), near=near, inside=inside)
        chosen = nearest_frames(audio.detach(), frames, inside)
        return chosen_nce(audio, frames, chosen=chosen, scale=self._scale(), near=near)

    def _draw(self, inside: Tensor) -> Tensor:
        """int64[clips], a frame of each in its window, the same on every rank."""
        clips, count = inside.shape
        if inside.all():  # whole clips, as most sets have them, need no second way of drawing
            return torch.randint(count, (clips,), generator=self._drawn).to(inside.device)
        return chosen_frames(inside, torch.rand(clips, generator=self._drawn).to(inside.device))

    def _near(self, batch: PairBatch) -> Tensor | None:
        """Pairs that are no negatives, bool[rows, rows]."""
        config, frames = self._config, batch.rows.shape[1]
        rows = frames if config.match == "multiframe" else 1
        groups = [
            *([batch.clips] if config.mask_clip and rows > 1 else []),
            *([batch.labels] if config.mask_species else []),
        ]
        masks = [
            near_positives(self._ranks.gather(group.to(batch.rows.device)).repeat_interleave(rows))
            for group in groups
        ]
        return torch.stack(masks).any(dim=0) if masks else None


def agree(config: AgreementConfig, ranks: Ranks = ALONE) -> Path:
    """Train by temporal agreement, and by text if there are steps for it.

    Args:
        config: everything about it.
        ranks: among which its batches are shared; the first one writes, and the second stage of
            all begins with what it wrote.

    Returns:
        The checkpoint's folder. That of a second stage lies within the first one's, which is then
        learned once for any number of pairs.

    Raises:
        BirdlistenError: clips, teacher or student can't be used, or there are fewer pairs of text
            than ranks.
    """
    if config.text_steps and 0 < config.text_pairs < ranks.world:
        raise ConfigError(
            f"text_pairs: {config.text_pairs} are fewer than the {ranks.world} ranks, each of "
            "which needs one; give more, or fewer ranks"
        )
    alone = replace(config, **_WITHOUT_TEXT)
    parts = prepare(alone, "agreement", ranks)
    if not config.text_steps:
        return _learn(parts, config)
    if not _is_done(parts, alone):
        _learn(parts, alone)
    clips = len(parts.pairs.clips)
    pairs = min(config.text_pairs or clips, clips)
    output = parts.output / f"text-{pairs}-{parts.clips.name}"
    return _tune(config, start=ranks.from_first(str(parts.output)), output=output, ranks=ranks)


def _learn(parts: BridgeParts, config: AgreementConfig) -> Path:
    return teach(_listening(parts, config), TemporalAgreement(parts, config), config.match)


def _tune(config: AgreementConfig, start: str, output: Path, ranks: Ranks) -> Path:
    """The second stage, of a student that has learned from frames."""
    batch = min(config.batch, config.text_pairs or config.batch)
    config = replace(
        config,
        student=start,
        output=str(output),
        steps=config.text_steps,
        learning_rate=config.text_learning_rate,
        batch=batch - batch % ranks.world,
    )
    parts = prepare(config, "agreement", ranks)
    parts = replace(parts, pairs=text_pairs(parts.pairs, config.text_pairs, config.seed))
    return teach(_listening(parts, config), TextTuning(parts, config), "text")


def _listening(parts: BridgeParts, config: AgreementConfig) -> BridgeParts:
    """Parts whose student will listen as it has learned: to segments, or to whole clips."""
    if not config.segmented:
        return parts
    return replace(parts, input_spec=parts.start.input_spec(config.segment_s))


def _is_done(parts: BridgeParts, config: AgreementConfig) -> bool:
    """True if the first stage has been learned, by the same settings and in the same space.

    Raises:
        ConfigError: it was by others, or in another.
    """
    kept = parts.ranks.from_first(_kept(parts.output))
    if kept is None:
        return False
    settings, space_id = kept
    terms = replace(terms_of(config), free=_PLACES)
    terms.check_settings(str(parts.output), json.dumps(settings))
    if space_id != parts.teacher.space_id:
        raise ConfigError(
            f"teacher: {config.teacher} has the space {parts.teacher.space_id:.12}, the first "
            f"stage in {parts.output} was learned in {space_id:.12} of {settings['teacher']}; "
            "give that teacher, or another output="
        )
    return True


def _kept(folder: Path) -> tuple[dict[str, Any], str] | None:
    """Settings and space of the run in a folder, if there is one."""
    if not (folder / META).is_file():
        return None
    kept = load_checkpoint(folder)
    return kept.config, kept.space_id


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command."""
    return bridge_main("agreement", AgreementConfig, agree, description=__doc__, argv=argv)
