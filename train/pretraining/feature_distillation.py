"""Distillation of a ready-made network into an audio tower: the backbone a student starts from.

It learns what a network that heard far more recordings makes of every sound: its embedding
(FitNets' hint) and its belief in the names that the data set has, too. It sees no text and
no label.
"""

import json
from dataclasses import replace
from pathlib import Path

from torch import Tensor, nn
from torch.nn import functional

from train.config import PretrainConfig, to_dict
from train.data.dataset import Dataset
from train.engine.loop import LearningSchedule, choose_device, fit, mixed_precision
from train.engine.resume import KEPT, Snapshots
from train.model.student import CNN, open_student
from train.sound.taught import load_taught
from train.sound.training_set import load_sounds

BACKBONE = "imitator"
"""Folder of the backbone: its former name, under which pretrained ones lie."""


def pretrain_backbone(config: PretrainConfig, dataset: Dataset, output: Path, cache: Path) -> Path:
    """Train a tower, a CNN or `init`'s, on the recordings and on mixtures of them, and save it.

    Returns:
        The folder; `student=FOLDER` begins a distillation with it, `audio_tower=FOLDER` a CLAP.

    Raises:
        ConfigError: there is no hint to imitate, or no such CNN.
        DatasetError: there are no readable training recordings.
    """
    start = open_student(config.init or CNN + config.cnn, config.frontend)
    sounds = load_sounds(dataset, start.spec, cache, config.held_out)
    taught = load_taught(config, dataset, sounds=sounds, spec=start.spec, cache=cache)
    input_spec = start.input_spec(config.window_s)
    device = choose_device(config.device)
    sampler = taught.sampler(input_spec, config.seed, device)
    student = start.student(1).to(device)
    regression = taught.loss(student.hidden, input_spec, start.hint).to(device)
    tower = student.tower
    _, labels = taught.shared(sounds.seen_species)
    names = nn.Linear(student.hidden, len(labels) + 1).to(device)
    tower.train()

    def loss() -> Tensor:
        batch = sampler.batch(config.audio_batch)
        with mixed_precision(device, tower.depthwise):
            features = tower(batch.log_mel)
        features = features.float()
        error: Tensor = regression(features, batch.recordings, batch.starts)
        belief = regression.belief(batch.recordings, batch.starts, labels)
        found = functional.log_softmax(names(features), dim=1)
        divergence = functional.kl_div(found, belief, reduction="batchmean")
        return config.hint_weight * error + config.belief_weight * divergence

    snapshots = Snapshots(
        file=output / KEPT,
        every=config.snapshot_every,
        settings=json.dumps(to_dict(config), sort_keys=True),
        generators=(sampler.generator,),
    )
    fit(
        [tower, regression, names],
        loss=loss,
        schedule=LearningSchedule(config.audio_steps, config.audio_learning_rate),
        title="imitate",
        log=output / "imitate.jsonl",
        snapshots=snapshots if config.snapshot_every else None,
    )
    folder = output / BACKBONE
    weights, hint = tower.cpu().state_dict(), regression.cpu().state_dict()
    replace(start, weights=weights, hint=hint).save(folder)
    sounds.write_seen(folder, config.init)
    return folder
