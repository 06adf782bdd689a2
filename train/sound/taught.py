"""Sounds that a hint's network has heard, too: recordings, and mixtures of them."""

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from edge.contract.errors import ConfigError
from edge.contract.taxonomy import read_names
from gallery.data.corpora import open_dataset
from gallery.data.dataset import UNLABELLED, Dataset, Item
from train.config import HeardConfig
from train.ears.recipe import locate
from train.engine.ranks import ALONE, Ranks
from train.engine.terms import digest
from train.model.frontend import InputSpec, LogMelSpec
from train.sound.draws import Draws, make_draws
from train.sound.features import load_features
from train.sound.hint_loss import HintLoss
from train.sound.hints import STEP_S, Hints, load_hints
from train.sound.log_mel_store import LogMelStore
from train.sound.mixtures import NO_MIXTURES, MixtureConfig, Mixtures, load_mixtures
from train.sound.sampler import Augmentation, WindowSampler
from train.sound.training_set import TrainingSet, cut_by, load_sounds

_AS_HEARD = Augmentation(mix=0.0, background=0.0, mask=0.0)
"""Nothing that the network did not hear may be mixed in, and nothing left out that it did."""


@dataclass(frozen=True)
class TaughtSounds:
    """Sounds that a student may imitate."""

    log_mels: tuple[Tensor, ...]
    """float16[frames, mel_bins]: of the labelled recordings, the others, the mixtures, and those
    that are rehearsed."""
    hints: tuple[Tensor, ...]
    """float16[n, dim + labels] each."""
    labels: tuple[str, ...]
    """Species ids that the network's logits are of, as far as they are in our taxonomy."""
    maps: tuple[Tensor, ...]
    """float16[mixtures, channels, frames, bins] each, from below: the network's of the mixtures."""
    recordings: int
    """Count of those that are no mixtures."""
    draws: Draws
    heard_s: float
    """Length of the network's window."""
    licences: tuple[str, ...]
    """Of the recordings, each once."""

    @property
    def digest(self) -> str:
        """Tells these sounds, and how they are drawn, from others."""
        lengths = np.array([len(log_mel) for log_mel in self.log_mels])
        return digest(self.labels, lengths, self.draws.kinds.numpy())

    def shared(self, species: Sequence[str]) -> tuple[Tensor, Tensor]:
        """Species that both name: int64[n], places among the species, and among the labels.

        Args:
            species: ids.
        """
        place = {name: n for n, name in enumerate(self.labels)}
        both = [(n, place[name]) for n, name in enumerate(species) if name in place]
        named, at = torch.tensor(both, dtype=torch.long).reshape(-1, 2).T
        return named, at

    def loss(
        self,
        features: int,
        input_spec: InputSpec,
        learned: dict[str, Tensor] | None,
        direct: bool = False,
    ) -> HintLoss:
        """Cost of hearing otherwise.

        Args:
            features: width of the student's features.
            input_spec: the student's.
            direct: the features are the embedding itself.
            learned: the state of a loss that has learned already; another ear's or another
                tower's, which has another shape, is left aside.
        """
        loss = HintLoss(
            self.hints,
            labels=len(self.labels),
            features=features,
            input_spec=input_spec,
            heard_s=self.heard_s,
            direct=direct,
        )
        own = {name: tensor.shape for name, tensor in loss.state_dict().items()}
        if learned and own == {name: tensor.shape for name, tensor in learned.items()}:
            loss.load_state_dict(learned)
        return loss

    def sampler(
        self, input_spec: InputSpec, seed: int, device: torch.device, ranks: Ranks = ALONE
    ) -> WindowSampler:
        """Draws windows that the network has heard just so."""
        spec = input_spec.frontend
        return WindowSampler(
            clips=LogMelStore(self.log_mels, device),
            labels=self.draws.kinds,
            background=LogMelStore((), device),
            frames=input_spec.frames,
            augmentation=_AS_HEARD,
            seed=seed,
            ranks=ranks,
            grid_frames=STEP_S * spec.sample_rate_hz / spec.hop_samples,
            shares=self.draws.shares,
            chances=self.draws.chances,
        )


def check_taught(config: HeardConfig) -> None:
    """Refuse an ear, names or rehearsed sounds that aren't there, before anything is decoded.

    Raises:
        BirdlistenError: says which, and what to do.
    """
    locate(config.hint)
    if config.favoured:
        read_names(Path(config.favoured))
    if config.rehearsed:
        open_dataset(config.rehearsed)


def load_taught(
    config: HeardConfig,
    dataset: Dataset,
    sounds: TrainingSet,
    spec: LogMelSpec,
    cache: Path,
    maps: bool = False,
) -> TaughtSounds:
    """Load what the hint's network makes of a data set's recordings, and of mixtures of them.

    Args:
        config: the ear, and what is heard beside the recordings.
        dataset: holds the recordings.
        sounds: its training recordings, which come first.
        spec: the student's front end.
        cache: where everything is kept.
        maps: of the mixtures, too.

    Raises:
        ConfigError: there is no hint to imitate.
        DatasetError: its network is not there.
    """
    if not config.hint:
        raise ConfigError("hint: names no ear; give the network to imitate: hint=FOLDER")
    hints = Hints(config.hint)
    favoured = read_names(Path(config.favoured)) if config.favoured else ()
    items, features = _unlabelled(dataset, spec, cache, cut_by(config))
    birds = [*sounds.items, *items]
    mixed = partial(_mixed, config, spec=spec, hints=hints, cache=cache)
    mixtures = mixed(dataset, birds, config.mixtures, favoured, maps=maps)
    repeated = NO_MIXTURES
    if config.rehearsed:
        before = open_dataset(config.rehearsed)
        known = load_sounds(before, spec, cache, config.held_out, cut=cut_by(config)).items
        known = (*known, *_unlabelled(before, spec, cache, cut_by(config))[0])
        repeated = mixed(before, known, config.rehearsed_mixtures)
    rows = load_hints(birds, hints, cache)
    return TaughtSounds(
        log_mels=(*sounds.features, *features, *mixtures.log_mels, *repeated.log_mels),
        hints=(*rows, *mixtures.hints, *repeated.hints),
        labels=hints.labels,
        maps=tuple(mixtures.maps),
        recordings=len(birds),
        draws=make_draws(
            favoured=[item.species_id in favoured for item in birds],
            mixtures=mixtures.hints,
            repeated=repeated.hints,
            labels=_columns(dataset, hints.labels),
            favoured_windows=config.favoured_windows,
            least_chance=config.least_chance,
        ),
        heard_s=hints.recipe.window_s,
        licences=tuple(sorted({item.licence for item in birds})),
    )


def _mixed(
    config: HeardConfig,
    dataset: Dataset,
    birds: Sequence[Item],
    count: int,
    favoured: Collection[str] = (),
    maps: bool = False,
    *,
    spec: LogMelSpec,
    hints: Hints,
    cache: Path,
) -> Mixtures:
    """Mixtures of a data set's recordings."""
    if not count:
        return NO_MIXTURES
    return load_mixtures(
        birds,
        background=_background(dataset, config.extra_backgrounds),
        config=MixtureConfig(
            count=count, birdless=config.birdless, favoured=favoured, maps=maps, seed=config.seed
        ),
        spec=spec,
        hints=hints,
        cache=cache,
    )


def _columns(dataset: Dataset, labels: Sequence[str]) -> Tensor:
    """int64[n], columns of the hints, counted from behind, that are logits of our species."""
    ours = set(dataset.taxonomy.ids)
    return torch.tensor([n - len(labels) for n, name in enumerate(labels) if name in ours])


def _unlabelled(
    dataset: Dataset,
    spec: LogMelSpec,
    cache: Path,
    cut: Callable[[Sequence[Item]], Sequence[Item]],
) -> tuple[list[Item], Sequence[Tensor]]:
    """Readable recordings of birds that are not said to be of a species, and their log-mels."""
    items = dataset.select("audio", UNLABELLED, ("",))
    if not items:
        return [], []
    return load_features(cut(items), spec, cache)


def _background(dataset: Dataset, extra: str) -> Sequence[Item]:
    sources = [dataset, *([open_dataset(extra)] if extra else [])]
    return [item for source in sources for item in source.select("audio", "train", ("",))]
