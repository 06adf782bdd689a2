"""Distil a teacher's text space into an audio tower; no picture is ever opened.

python -m train.distill [--dry-run] [--config FILE] [key=value ...]

On several GPUs or machines: torchrun --nproc-per-node N ... -m train.distill ...

With no arguments: the small models of `python -m train.pretrain` on the synthetic aviary.
"""

import json
import sys
from collections.abc import Sequence
from pathlib import Path

from edge.command.parser import Parser
from gallery.command import run
from gallery.teacher import Embeddings, load_teacher, mean_anchors
from train.config import DistillConfig, add_config_flags, load_config, to_dict
from train.data.corpora import open_dataset
from train.data.dataset import Dataset
from train.distillation.anchors import cached_anchors
from train.distillation.large_student import open_large_student
from train.distillation.plan import plan, to_text
from train.distillation.step import Distillation
from train.engine.loop import LearningSchedule, fit, seed_everything
from train.engine.ranks import ALONE, Ranks, joined
from train.engine.resume import Snapshots
from train.engine.stopping import Validation
from train.measure.validation import name_retrieval
from train.model.checkpoint import Checkpoint, save_checkpoint
from train.model.student import open_student
from train.runs import CACHE, new_run, synthetic_name
from train.sound.training_set import TrainingSet, check_unheard, left_out, load_sounds

KEPT = "training.pt"
"""Of a distillation that hasn't ended yet."""


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
    dataset = open_dataset(config.data)
    output = Path(ranks.collect(str(_output(config, dataset)))[0])
    check_unheard(config.student, config.held_out)
    start = open_student(config.student, config.frame_hop_samples)
    teacher = load_teacher(config.teacher)
    input_spec = start.input_spec(config.window_s)
    anchors = cached_anchors(teacher, dataset.taxonomy, CACHE)
    background = open_dataset(config.extra_backgrounds) if config.extra_backgrounds else None
    sounds = load_sounds(
        dataset, start.spec, CACHE, left_out(config, dataset), background=background
    )
    seed_everything(config.seed)
    student = start.student(anchors.shape[2], config.projection_hidden)
    hint = sounds.hint(config.hint, student.hidden, input_spec, CACHE)
    if not ranks.first:
        seed_everything(config.seed + ranks.rank)  # its own dropout
    checkpoint = Checkpoint(
        student,
        input_spec.frontend,
        input_spec.window_samples,
        teacher.space_id,
        dataset.taxonomy,
        mean_anchors(anchors),
        dataset.name,
        dataset.synthetic,
        sounds.licences,
        sounds.seen_with(config.student),
        {**to_dict(config), "output": ""},
    )
    large_student = open_large_student(config, teacher.space_id, input_spec)
    judged = _validation(config, checkpoint, dataset)
    output.mkdir(parents=True, exist_ok=True)
    running = Distillation(
        student,
        sounds,
        _of(sounds, dataset, anchors),
        input_spec.frames,
        config,
        hint,
        large_student,
        ranks,
    )
    _fit(running, config, output, judged, ranks)
    student.eval().cpu()
    if ranks.first:
        save_checkpoint(output, checkpoint)
    return output


def _output(config: DistillConfig, dataset: Dataset) -> Path:
    return synthetic_name(Path(config.output), dataset) if config.output else new_run(dataset)


def _validation(
    config: DistillConfig, checkpoint: Checkpoint, dataset: Dataset
) -> Validation | None:
    if not config.validate_every:
        return None
    score = name_retrieval(checkpoint, dataset, CACHE)
    return Validation(score, config.validate_every, config.patience)


def _fit(
    running: Distillation,
    config: DistillConfig,
    output: Path,
    judged: Validation | None,
    ranks: Ranks,
) -> None:
    schedule = LearningSchedule(
        config.steps,
        config.learning_rate,
        config.weight_decay,
        config.warmup,
        config.accumulate,
        config.ema,
    )
    settings = json.dumps(to_dict(config), sort_keys=True)
    keeping = Snapshots(output / KEPT, config.snapshot_every, settings, running.generators, ranks)
    fit(
        running.modules,
        running.loss,
        schedule,
        "distil",
        output / "metrics.jsonl",
        keeping if config.snapshot_every else None,
        judged,
        ranks,
    )


def _of(sounds: TrainingSet, dataset: Dataset, anchors: Embeddings) -> Embeddings:
    """The anchors of the species that are heard, in the order of the labels."""
    place = {species: n for n, species in enumerate(dataset.taxonomy.ids)}
    return anchors[:, [place[species.species_id] for species in sounds.species]]


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command."""
    parser = Parser(prog="python -m train.distill", description=__doc__)
    add_config_flags(parser)
    parser.add_argument("--dry-run", action="store_true", help="say what it would cost, and stop")
    args = parser.parse_args(argv)

    def command() -> None:
        config = load_config(DistillConfig, args.config, args.overrides)
        if args.dry_run:
            print(to_text(plan(config)))
        else:
            with joined() as ranks:
                output = distill(config, ranks)
            if ranks.first:
                print(output)

    return run(command)


if __name__ == "__main__":
    sys.exit(main())
