"""Distil a teacher's text space into an audio tower; no picture is ever opened.

python -m train.distill [--dry-run] [--config FILE] [key=value ...]

With no arguments: the small models of `python -m train.pretrain` on the synthetic aviary.
"""

import hashlib
import json
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from edge.contract.bundle import npy_bytes, write_atomic
from edge.contract.taxonomy import Taxonomy
from edge.usage import Parser
from gallery.command import run
from gallery.teacher import Embeddings, Teacher, load_teacher, mean_anchors
from train.checkpoint import Checkpoint, save_checkpoint
from train.config import DistillConfig, add_config_flags, load_config, to_dict
from train.data.corpora import open_dataset
from train.dataset import Dataset
from train.hints import HintLoss, NoHint
from train.loop import LogScale, Schedule, choose_device, fit, mixed_precision, seed_everything
from train.losses import outlier_exposure
from train.objective import make_objective
from train.plan import plan, to_text
from train.resume import Keeping
from train.runs import CACHE, new_run, synthetic_name
from train.sounds import Sounds, check_unheard, left_out, load_sounds
from train.student import Student, open_start

KEPT = "training.pt"
"""Of a distillation that hasn't ended yet."""


def distill(config: DistillConfig) -> Path:
    """Run a distillation.

    Returns:
        The checkpoint's folder.

    Raises:
        BirdlistenError: data set, teacher or student can't be used.
    """
    dataset = open_dataset(config.data)
    output = synthetic_name(Path(config.output), dataset) if config.output else new_run(dataset)
    check_unheard(config.student, config.held_out)
    start = open_start(config.student, config.frame_hop_samples)
    teacher, spec = load_teacher(config.teacher), start.spec
    window_samples = round(config.window_s * spec.sample_rate_hz)
    frames = start.frames(window_samples)
    anchors = cached_anchors(teacher, dataset.taxonomy, CACHE)
    sounds = load_sounds(dataset, spec, CACHE, left_out(config, dataset))
    seed_everything(config.seed)
    student = start.student(anchors.shape[2], config.projection_hidden)
    output.mkdir(parents=True, exist_ok=True)
    hint = sounds.hint(config.hint, student.hidden, spec, CACHE)
    log, bank = output / "metrics.jsonl", _of(sounds, dataset, anchors)
    train_student(student, sounds, bank, frames, config, hint, log)
    save_checkpoint(
        output,
        Checkpoint(
            student.cpu(),
            spec,
            window_samples,
            teacher.space_id,
            dataset.taxonomy,
            mean_anchors(anchors),
            dataset.name,
            dataset.synthetic,
            sounds.licences,
            sounds.heard_with(config.student),
            {**to_dict(config), "output": ""},
        ),
    )
    return output


def train_student(
    student: Student,
    sounds: Sounds,
    anchors: Embeddings,
    frames: int,
    config: DistillConfig,
    hint: HintLoss | NoHint,
    log: Path | None = None,
) -> None:
    """Pull each sound towards its species' text anchor; a template is drawn for every batch.

    Args:
        student: learns in place.
        sounds: training recordings.
        anchors: float32[templates, species, dim] of the sounds' species.
        frames: frames of a window.
        config: objective and schedule.
        hint: what to heed beside.
        log: JSON lines.
    """
    device = choose_device(config.device)
    student.to(device).train()
    hint.to(device)
    scale = LogScale(config.temperature).to(device)
    bank = torch.from_numpy(anchors).to(device)
    sampler = sounds.sampler(frames, config)
    random = torch.Generator().manual_seed(config.seed)
    objective = make_objective(config, sounds.species, device)

    def loss() -> Tensor:
        batch = sampler.batch(config.batch)
        outliers = sampler.outliers(round(config.outliers * config.batch))
        texts = bank[int(torch.randint(len(bank), (), generator=random))]
        log_mel = batch.log_mel if outliers is None else torch.cat([batch.log_mel, outliers])
        with mixed_precision(device, student.tower.depthwise):
            features = student.features(log_mel.to(device))
            heard = student.project(ease(features, config.tower_share)).float()
        birds, rest = heard[: config.batch], heard[config.batch :]
        heeded: Tensor = hint(features[: config.batch].float(), batch.recordings, batch.starts)
        value = objective(birds, texts, batch.labels.to(device), scale())
        value = value + config.hint_weight * heeded
        return value if outliers is None else value + outlier_exposure(rest, texts, scale())

    schedule = Schedule(
        config.steps,
        config.learning_rate,
        config.weight_decay,
        config.warmup,
        config.accumulate,
        config.ema,
    )
    keeping = _keeping(config, log, (sampler.generator, random))
    fit([student, scale, hint], loss, schedule, "distil", log, keeping)
    student.train(False)


def _keeping(
    config: DistillConfig, log: Path | None, generators: tuple[torch.Generator, ...]
) -> Keeping | None:
    """Beside the log, or nowhere."""
    if log is None or not config.keep_every:
        return None
    settings = json.dumps(to_dict(config), sort_keys=True)
    return Keeping(log.with_name(KEPT), config.keep_every, settings, generators)


def ease(features: Tensor, share: float) -> Tensor:
    """The same features, through which only a share of the gradient passes."""
    return torch.lerp(features.detach(), features, share)


def cached_anchors(teacher: Teacher, taxonomy: Taxonomy, cache: Path) -> Embeddings:
    """Text anchors, float32[templates, species, dim], embedded once a teacher and taxonomy."""
    key = hashlib.sha256(f"{teacher.space_id} {taxonomy}".encode()).hexdigest()[:16]
    file = cache / f"anchors-{key}.npy"
    if not file.is_file():
        cache.mkdir(parents=True, exist_ok=True)
        write_atomic(file, npy_bytes(teacher.anchors(taxonomy.species)))
    anchors: Embeddings = np.load(file, allow_pickle=False)
    return anchors


def _of(sounds: Sounds, dataset: Dataset, anchors: Embeddings) -> Embeddings:
    """The anchors of the species that are heard, in the order of the labels."""
    place = {species: n for n, species in enumerate(dataset.taxonomy.ids)}
    return anchors[:, [place[one.species_id] for one in sounds.species]]


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
            print(distill(config))

    return run(command)


if __name__ == "__main__":
    sys.exit(main())
