"""Feature distillation (FitNets' hint) into an audio tower: the backbone a student starts from.

It learns no name and no species, only what a network trained on far more recordings hears.
"""

from dataclasses import replace
from pathlib import Path

import torch
from torch import Tensor

from edge.contract.errors import ConfigError
from train.config import PretrainConfig
from train.data.corpora import open_dataset
from train.data.dataset import Dataset, Item
from train.ears.recipe import locate
from train.engine.loop import LearningSchedule, choose_device, fit, mixed_precision
from train.model.frontend import LogMelSpec
from train.model.student import CNN, open_student
from train.sound.hints import HintLoss, load_hints
from train.sound.log_mel_store import LogMelStore
from train.sound.mixtures import load_mixtures
from train.sound.sampler import Augmentation, WindowSampler
from train.sound.training_set import TrainingSet, load_sounds

BACKBONE = "imitator"
"""Folder of the backbone: its former name, under which pretrained ones lie."""
_VARIED = Augmentation(mix=0.0, background=0.0, mask=0.1)
"""What the network did not hear must not be mixed in."""


def pretrain_backbone(config: PretrainConfig, dataset: Dataset, output: Path, cache: Path) -> Path:
    """Train a tower, a CNN or `init`'s, on the recordings and on mixtures of them, and save it.

    Returns:
        The folder; `student=FOLDER` begins a distillation with it, `audio_tower=FOLDER` a CLAP.

    Raises:
        ConfigError: there is no hint to imitate, or no such CNN.
        DatasetError: there are no readable training recordings.
    """
    if not config.hint:
        raise ConfigError("hint: names no ear; give the network to imitate: hint=FOLDER")
    start = open_student(config.init or CNN + config.cnn, config.frame_hop_samples)
    sounds = load_sounds(dataset, start.spec, cache, config.held_out)
    embedded, hints = _material(
        config, dataset=dataset, sounds=sounds, spec=start.spec, cache=cache
    )
    input_spec = start.input_spec(config.window_s)
    device = choose_device(config.device)
    labels = torch.zeros(len(embedded), dtype=torch.long)
    sampler = WindowSampler(
        clips=LogMelStore(embedded, device),
        labels=labels,
        background=LogMelStore((), device),
        frames=input_spec.frames,
        augmentation=_VARIED,
        seed=config.seed,
    )
    student = start.student(hints[0].shape[1]).to(device)
    heard_s = locate(config.hint)[0].window_s
    tower, regression = (
        student.tower,
        HintLoss(hints, student.hidden, input_spec, heard_s).to(device),
    )
    tower.train()

    def loss() -> Tensor:
        batch = sampler.batch(config.audio_batch)
        with mixed_precision(device, tower.depthwise):
            features = tower(batch.log_mel.to(device))
        found: Tensor = regression(features.float(), batch.recordings, batch.starts)
        return found

    schedule = LearningSchedule(config.audio_steps, config.audio_learning_rate)
    fit(
        [tower, regression],
        loss=loss,
        schedule=schedule,
        title="imitate",
        log=output / "imitate.jsonl",
    )
    folder = output / BACKBONE
    replace(start, weights=tower.cpu().state_dict()).save(folder)
    sounds.write_seen(folder, config.init)
    return folder


def _material(
    config: PretrainConfig, dataset: Dataset, sounds: TrainingSet, spec: LogMelSpec, cache: Path
) -> tuple[list[Tensor], list[Tensor]]:
    """Log-mels and hints of the recordings, and then of the mixtures."""
    items = [*sounds.items, *_background(config, dataset)]
    mixtures = load_mixtures(
        items,
        count=config.mixtures,
        spec=spec,
        hint=config.hint,
        cache=cache,
        seed=config.seed,
        birdless=config.birdless,
    )
    hints = load_hints(sounds.items, config.hint, cache)
    return [*sounds.features, *mixtures.log_mels], [*hints, *mixtures.hints]


def _background(config: PretrainConfig, dataset: Dataset) -> list[Item]:
    background = [
        dataset,
        *([open_dataset(config.extra_backgrounds)] if config.extra_backgrounds else []),
    ]
    return [item for source in background for item in source.select("audio", "train", ("",))]
