"""An audio tower that imitates the hint's network: what a student starts from.

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
from train.engine.loop import Schedule, choose_device, fit, mixed_precision
from train.frontend import LogMelSpec
from train.sound.clips import Clips
from train.sound.hints import HintLoss, load_hints
from train.sound.mixtures import load_mixtures
from train.sound.sampler import Augmentation, WindowSampler
from train.sound.sounds import Sounds, load_sounds
from train.student import CNN, open_start

_VARIED = Augmentation(mix=0.0, background=0.0, mask=0.1)
"""What the network did not hear must not be mixed in."""


def pretrain_imitator(config: PretrainConfig, dataset: Dataset, output: Path, cache: Path) -> Path:
    """Train a tower, a CNN or `init`'s, on the recordings and on mixtures of them, and save it.

    Returns:
        The folder; `student=FOLDER` begins a distillation with it, `audio_tower=FOLDER` a CLAP.

    Raises:
        ConfigError: there is no hint to imitate, or no such CNN.
        DatasetError: there are no readable training recordings.
    """
    if not config.hint:
        raise ConfigError("hint: names no ear; give the network to imitate: hint=FOLDER")
    start = open_start(config.init or CNN + config.cnn, config.frame_hop_samples)
    sounds = load_sounds(dataset, start.spec, cache, config.held_out)
    heard, hints = _material(config, dataset, sounds, start.spec, cache)
    hearing = start.hearing(config.window_s)
    device = choose_device(config.device)
    labels = torch.zeros(len(heard), dtype=torch.long)
    sampler = WindowSampler(
        Clips(heard, device), labels, Clips((), device), hearing.frames, _VARIED, config.seed
    )
    student = start.student(hints[0].shape[1]).to(device)
    heard_s = locate(config.hint)[0].window_s
    tower, imitation = student.tower, HintLoss(hints, student.hidden, hearing, heard_s).to(device)
    tower.train()

    def loss() -> Tensor:
        batch = sampler.batch(config.audio_batch)
        with mixed_precision(device, tower.depthwise):
            features = tower(batch.log_mel.to(device))
        found: Tensor = imitation(features.float(), batch.recordings, batch.starts)
        return found

    schedule = Schedule(config.audio_steps, config.audio_learning_rate)
    fit([tower, imitation], loss, schedule, "imitate", output / "imitate.jsonl")
    folder = output / "imitator"
    replace(start, weights=tower.cpu().state_dict()).save(folder)
    sounds.write_heard(folder, config.init)
    return folder


def _material(
    config: PretrainConfig, dataset: Dataset, sounds: Sounds, spec: LogMelSpec, cache: Path
) -> tuple[list[Tensor], list[Tensor]]:
    """Log-mels and hints of the recordings, and then of the mixtures."""
    items = [*sounds.items, *_background(config, dataset)]
    mixtures = load_mixtures(
        items, config.mixtures, spec, config.hint, cache, config.seed, config.birdless
    )
    hints = load_hints(sounds.items, config.hint, cache)
    return [*sounds.features, *mixtures.log_mels], [*hints, *mixtures.hints]


def _background(config: PretrainConfig, dataset: Dataset) -> list[Item]:
    quiet = [dataset, *([open_dataset(config.backgrounds)] if config.backgrounds else [])]
    return [item for one in quiet for item in one.select("audio", "train", ("",))]
