"""Distil a teacher's text space into an audio tower; no picture is ever opened.

python -m train.distill [--dry-run] [--config FILE] [key=value ...]

On several GPUs or machines: torchrun --nproc-per-node N ... -m train.distill ...

With no arguments: the small models of `python -m train.pretrain` on the synthetic aviary.
"""

import sys
from collections.abc import Sequence
from pathlib import Path

import torch

from edge.command.parser import Parser
from edge.contract.arrays import Embeddings
from edge.contract.taxonomy import Taxonomy
from gallery.command import run
from gallery.data.corpora import open_dataset
from gallery.data.dataset import Dataset
from gallery.teacher import load_teacher, mean_anchors
from train.config import DistillConfig, add_config_flags, load_config, terms_of
from train.distillation.anchors import cached_anchors
from train.distillation.beginning import begin_student, check_run
from train.distillation.imitation import Imitation
from train.distillation.large_student import open_large_student
from train.distillation.needs import measure_needs, told_in_words
from train.distillation.parts import Parts
from train.distillation.plan import first_student, plan, to_text
from train.distillation.shuffled_ranks import shuffled_ranks
from train.distillation.step import Distillation
from train.engine.loop import choose_device, fit, seed_everything
from train.engine.ranks import ALONE, Ranks, joined
from train.engine.resume import KEPT, Snapshots, check_kept
from train.engine.schedule import LearningSchedule
from train.engine.stopping import EarlyStopping
from train.engine.wandb_board import check_board
from train.measure.validation import name_retrieval, validation_items
from train.model.checkpoint import Checkpoint, save_checkpoint
from train.model.frontend import LogMelSpec
from train.model.lora import merge
from train.model.opening import open_student
from train.runs import CACHE, marked, new_run, synthetic_name
from train.sound.decoded import decoded
from train.sound.heard import check_unheard
from train.sound.taught import TaughtSounds, check_taught, load_taught
from train.sound.training_set import (
    TrainingSet,
    check_recorded,
    cut_by,
    left_out,
    load_sounds,
    open_background,
)


def distill(config: DistillConfig, ranks: Ranks = ALONE) -> Path:
    """Run a distillation.

    Args:
        config: everything about it.
        ranks: among which its batches are shared; the first one writes.

    Returns:
        The checkpoint's folder.

    Raises:
        BirdlistenError: data set, teacher or student can't be used.
    """
    dataset = open_dataset(config.data, config.taxon)
    output = Path(ranks.from_first(str(_output(config, dataset))))
    if config.snapshot_every:
        check_kept(output / KEPT, terms_of(config), ranks)
    parts = prepare(config, dataset, ranks)
    checkpoint = parts.checkpoint(config)
    validation = _validation(config, checkpoint, dataset, ranks)
    output.mkdir(parents=True, exist_ok=True)
    with told_in_words(parts.needs, config.batch, ranks.world):
        snapshots = _fit(parts, config, output, validation=validation, ranks=ranks)
    parts.student.eval().cpu()
    if config.lora_rank:
        merge(parts.student.tower)
    if ranks.first:
        save_checkpoint(output, checkpoint)
    if snapshots:
        snapshots.done()
    return output


def prepare(config: DistillConfig, dataset: Dataset, ranks: Ranks) -> Parts:
    """Make the parts ready, in an order that counts.

    What costs seconds to refuse comes before what costs hours: settings, the student's note, then
    the models, disk and memory, then the recordings. The seed is set after all that may draw
    numbers of its own; the student's new layers and then the hint's are the first that it gives.
    Only then the ranks part, each with a dropout of its own over the same weights.
    """
    _check_settings(config, dataset, ranks)
    background = open_background(config.extra_backgrounds)
    check_unheard(config.student, config.held_out)
    start = open_student(config.student, config.frontend, window_s=config.window_s)
    teacher = load_teacher(config.teacher)
    check_run(config, start, teacher.space_id, dataset)
    input_spec = start.input_spec(config.window_s)
    large_student = open_large_student(config.large_student, teacher.space_id, input_spec)
    needs = measure_needs(
        config,
        decoded(config, dataset),
        input_spec=input_spec,
        student=first_student(config, start, teacher, dataset),
        cache=CACHE,
        world=ranks.world,
    )
    needs.check(config.batch, ranks.world)
    anchors = cached_anchors(teacher, dataset.taxonomy, CACHE)
    sounds = load_sounds(
        dataset,
        start.spec,
        CACHE,
        left_out(config.species, config.held_out, dataset),
        background=background,
        cut=cut_by(config),
    )
    taught = _taught(config, dataset, sounds=sounds, spec=start.spec)
    seed_everything(config.seed)
    means = torch.from_numpy(mean_anchors(anchors))
    student = begin_student(config, start, dataset.taxonomy.ids, means)
    imitation = (
        Imitation(
            taught,
            features=student.hidden,
            species=[bird.species_id for bird in sounds.species],
            input_spec=input_spec,
            config=config,
            learned=start.hint,
            direct=start.has_local_features,
            ranks=ranks,
        )
        if taught
        else None
    )
    if not ranks.first:
        seed_everything(config.seed + ranks.rank)
    return Parts(
        dataset=dataset,
        teacher=teacher,
        anchors=anchors,
        learned=cached_anchors(teacher, _sentences(config, dataset), CACHE),
        input_spec=input_spec,
        sounds=sounds,
        student=student,
        imitation=imitation,
        large_student=large_student,
        needs=needs,
        before=start.run,
    )


def _check_settings(config: DistillConfig, dataset: Dataset, ranks: Ranks) -> None:
    """Refuse settings that only the machine and the data set tell to be impossible."""
    choose_device(config.device)
    check_board(config.wandb)
    ranks.check("batch", config.batch)
    check_recorded(dataset, "train")
    if config.validate_every:
        validation_items(dataset)
    if config.hint and config.steps:
        check_taught(config)


def _sentences(config: DistillConfig, dataset: Dataset) -> Taxonomy:
    """Species as the sentences of the training tell them."""
    seed, taxonomy = config.shuffle_taxonomy, dataset.taxonomy
    return shuffled_ranks(taxonomy, seed) if seed else taxonomy


def _taught(
    config: DistillConfig, dataset: Dataset, sounds: TrainingSet, spec: LogMelSpec
) -> TaughtSounds | None:
    if not config.hint or not config.steps:
        return None
    return load_taught(config, dataset, sounds=sounds, spec=spec, cache=CACHE)


def _output(config: DistillConfig, dataset: Dataset) -> Path:
    path = synthetic_name(Path(config.output), dataset) if config.output else new_run(dataset)
    return marked(path, "shuffled-taxonomy") if config.shuffle_taxonomy else path


def _validation(
    config: DistillConfig, checkpoint: Checkpoint, dataset: Dataset, ranks: Ranks
) -> EarlyStopping | None:
    if not config.validate_every:
        return None
    score = name_retrieval(checkpoint, dataset, CACHE, ranks)
    return EarlyStopping(score, config.validate_every, config.patience)


def _fit(
    parts: Parts,
    config: DistillConfig,
    output: Path,
    validation: EarlyStopping | None,
    ranks: Ranks,
) -> Snapshots | None:
    content = parts.content
    ranks.check_alike(content)
    distillation = Distillation(
        student=parts.student,
        sounds=parts.sounds,
        anchors=_anchors_of(parts),
        frames=parts.input_spec.frames,
        config=config,
        imitation=parts.imitation,
        large_student=parts.large_student,
        ranks=ranks,
    )
    snapshots = Snapshots(
        file=output / KEPT,
        every=config.snapshot_every,
        terms=terms_of(config, content),
        generators=distillation.generators,
        ranks=ranks,
    )
    kept = snapshots if config.snapshot_every else None
    fit(
        distillation.modules,
        loss=distillation.loss,
        schedule=_schedule(config),
        title="distil",
        log=output / "metrics.jsonl",
        snapshots=kept,
        validation=validation,
        ranks=ranks,
        rates=distillation.rates,
        project=config.wandb,
    )
    return kept


def _schedule(config: DistillConfig) -> LearningSchedule:
    return LearningSchedule(
        steps=config.steps,
        learning_rate=config.learning_rate,
        weight_decay=config.weight_decay,
        warmup=config.warmup,
        accumulate=config.accumulate,
        ema=config.ema,
        clip_norm=config.clip_norm,
        float16=config.float16,
    )


def _anchors_of(parts: Parts) -> Embeddings:
    """The anchors of the species that are learned, in the order of the labels."""
    place = {species: n for n, species in enumerate(parts.dataset.taxonomy.ids)}
    return parts.learned[:, [place[species.species_id] for species in parts.sounds.species]]


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command."""
    parser = Parser(prog="python -m train.distill", description=__doc__)
    add_config_flags(parser, DistillConfig)
    parser.add_argument("--dry-run", action="store_true", help="say what it would cost, and stop")
    args = parser.parse_args(argv)

    def command() -> None:
        config = load_config(DistillConfig, args.config, args.overrides)
        if args.dry_run:
            print(to_text(plan(config, CACHE)))
        else:
            with joined() as ranks:
                output = distill(config, ranks)
            if ranks.first:
                print(output)

    return run(command)


if __name__ == "__main__":
    sys.exit(main())
