"""Training that all bridges share: parts made ready, an objective fitted, a checkpoint saved."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np
import torch
from torch import Tensor, nn

from edge.contract.arrays import Embeddings
from gallery.teacher import Teacher, load_teacher, mean_anchors
from gallery.templates import TEMPLATES
from train.bridges.clips import ClipSet, open_clips
from train.bridges.pairs import PairSampler, PairSet, load_pairs
from train.config import terms_of, to_dict
from train.config.bridging import BridgeConfig
from train.distillation.anchors import cached_anchors
from train.distillation.beginning import check_kin, student_of
from train.engine.loop import choose_device, fit, seed_everything
from train.engine.ranks import ALONE, Ranks
from train.engine.resume import KEPT, Drawing, Snapshots, check_kept
from train.engine.schedule import LearningSchedule
from train.engine.stopping import EarlyStopping
from train.engine.terms import digest
from train.model.checkpoint import META, Checkpoint, descent, save_checkpoint
from train.model.frontend import InputSpec
from train.model.opening import open_student
from train.model.spectrogram_vit import PatchSpec
from train.model.start import StudentInit
from train.model.student import Student
from train.runs import CACHE, RUNS
from train.sound.heard import check_unheard, heard_by

PairLoader = Callable[..., PairSet]
"""Clips, a split and more to its pairs; as `train.bridges.pairs.load_pairs`."""


class BridgeObjective(Protocol):
    """One method while it runs: what it costs, and what learns by it."""

    @property
    def modules(self) -> tuple[nn.Module, ...]:
        """Modules that learn; the student is one of them."""
        ...

    @property
    def generators(self) -> tuple[Drawing, ...]:
        """Generators of its batches, alike on all ranks."""
        ...

    def loss(self) -> Tensor:
        """Of a new batch."""
        ...


@dataclass(frozen=True, kw_only=True)
class BridgeParts:
    """Parts of a bridge's training, made ready."""

    config: BridgeConfig
    output: Path
    clips: ClipSet
    teacher: Teacher
    anchors: Embeddings
    """float32[templates, species, dim] of the clips' taxonomy."""
    pairs: PairSet
    """Of the training split."""
    start: StudentInit
    student: Student
    input_spec: InputSpec
    device: torch.device
    ranks: Ranks
    load: PairLoader = load_pairs
    """Loads the pairs of a split."""

    @property
    def content(self) -> dict[str, str]:
        """Digests of what is learned from, by the setting that names it."""
        return {
            "data": self.pairs.digest,
            "teacher": digest(self.teacher.space_id, self.clips.taxonomy.species),
            "student": digest(self.student.shapes, self.input_spec),
        }

    def sampler(self) -> PairSampler:
        """Batches of pairs, as configured."""
        return PairSampler(
            pairs=self.pairs,
            frames=self.input_spec.frames,
            config=self.config,
            device=self.device,
            ranks=self.ranks,
        )

    def load_split(self, split: str) -> PairSet:
        """Pairs of another split, all species: to validate by."""
        return self.load(
            self.clips,
            split,
            spec=self.start.spec,
            teacher=self.teacher,
            frames=self.config.frames,
            cache=CACHE,
        )

    def checkpoint(self) -> Checkpoint:
        """Checkpoint that is saved at the end; its student learns meanwhile."""
        config, before = self.config, self.start.run
        heard = heard_by(config.student, self.clips.taxonomy.ids)
        return Checkpoint(
            student=self.student,
            frontend=self.input_spec.frontend,
            window_samples=self.input_spec.window_samples,
            space_id=self.teacher.space_id,
            taxonomy=self.clips.taxonomy,
            anchors=mean_anchors(self.anchors),
            dataset=self.clips.name,
            synthetic=self.clips.synthetic,
            licences=tuple(sorted({*self.pairs.licences, *(before.licences if before else ())})),
            seen_species=tuple(sorted({*self.pairs.seen_species, *heard})),
            config={**to_dict(config), "output": ""},
            lineage=descent(Path(config.student), before) if before else (),
        )


def prepare(
    config: BridgeConfig,
    method: str,
    ranks: Ranks = ALONE,
    patches: PatchSpec | None = None,
    load: PairLoader = load_pairs,
) -> BridgeParts:
    """Make the parts ready: what costs seconds to refuse first; the seed last, for new layers.

    Args:
        config: everything about it.
        method: its name, of which a run without a name is called.
        ranks: among which the batches are shared; the first one writes.
        patches: of a `vit:`; None: the image tower's.
        load: loads the pairs of a split.

    Raises:
        BirdlistenError: clips, teacher or student can't be used, or don't go together.
    """
    device = choose_device(config.device)
    ranks.check("batch", config.batch)
    clips = open_clips(config.data, config.taxon)
    output = Path(ranks.from_first(str(_output(config, clips, method))))
    if config.snapshot_every:
        check_kept(output / KEPT, terms_of(config), ranks)
    check_unheard(config.student, config.held_out)
    start = open_student(config.student, config.frontend, window_s=config.window_s, patches=patches)
    input_spec = start.input_spec(config.window_s)
    teacher = load_teacher(config.teacher)
    if start.run:
        check_kin(config, start.run, teacher.space_id, synthetic=clips.synthetic, path=clips.path)
        student_of(start.run, config)  # refused before anything is embedded
    anchors = _anchors(teacher, clips)
    pairs = load(
        clips,
        "train",
        spec=start.spec,
        teacher=teacher,
        frames=config.frames,
        cache=CACHE,
        held_out=config.held_out,
    )
    seed_everything(config.seed)
    student = _student(start, config, teacher.dim).to(device).train()
    ranks.share(student)
    if not ranks.first:
        seed_everything(config.seed + ranks.rank)
    return BridgeParts(
        config=config,
        output=output,
        clips=clips,
        teacher=teacher,
        anchors=anchors,
        pairs=pairs,
        start=start,
        student=student,
        input_spec=input_spec,
        device=device,
        ranks=ranks,
        load=load,
    )


def teach(
    parts: BridgeParts,
    objective: BridgeObjective,
    title: str,
    validation: EarlyStopping | None = None,
    beside: Callable[[], None] | None = None,
) -> Path:
    """Fit an objective, and save the student as a run like any other.

    Args:
        parts: made ready.
        objective: what is minimised.
        title: shown by the progress bar.
        validation: what weights are judged by; never the test split.
        beside: writes what else has been learned into the folder; checkpoint.json, which makes it
            a run, comes after it.

    Returns:
        The checkpoint's folder.

    Raises:
        BirdlistenError: the ranks learn from other things, or the loss is no longer a number.
    """
    config, output, ranks = parts.config, parts.output, parts.ranks
    ranks.check_alike(parts.content)
    output.mkdir(parents=True, exist_ok=True)
    snapshots = Snapshots(
        file=output / KEPT,
        every=config.snapshot_every,
        terms=terms_of(config, parts.content),
        generators=objective.generators,
        ranks=ranks,
    )
    fit(
        objective.modules,
        loss=objective.loss,
        schedule=_schedule(config),
        title=title,
        log=output / "metrics.jsonl",
        snapshots=snapshots if config.snapshot_every else None,
        validation=validation,
        ranks=ranks,
    )
    parts.student.eval().cpu()
    if ranks.first:
        if beside:
            (output / META).unlink(missing_ok=True)  # an older run's goes with its own files only
            beside()
        save_checkpoint(output, parts.checkpoint())
    snapshots.done()
    return output


def _output(config: BridgeConfig, clips: ClipSet, method: str) -> Path:
    """Folder of the run; says `aviary` if the clips are synthetic."""
    stamp = time.strftime("%Y%m%d-%H%M%S")
    path = Path(config.output or RUNS / f"bridge-{method}-{clips.name}-{stamp}")
    lacks = clips.synthetic and "aviary" not in path.name
    return path.with_name(f"{path.name}-aviary") if lacks else path


def _student(start: StudentInit, config: BridgeConfig, dim: int) -> Student:
    """A run's student with its own projection; any other start's with a new one."""
    # Made for a run, too: what is drawn after it, such as dropout, is then the same as ever.
    new = start.student(dim, config.projection_hidden)
    return student_of(start.run, config) if start.run else new


def _anchors(teacher: Teacher, clips: ClipSet) -> Embeddings:
    if not len(clips.taxonomy):
        return np.empty((len(TEMPLATES), 0, teacher.dim), np.float32)
    return cached_anchors(teacher, clips.taxonomy, CACHE)


def _schedule(config: BridgeConfig) -> LearningSchedule:
    names = ("steps", "learning_rate", "weight_decay", "warmup", "ema", "clip_norm")
    return LearningSchedule(**{name: getattr(config, name) for name in names})
