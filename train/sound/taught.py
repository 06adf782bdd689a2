"""Sounds that a hint's network has heard, too: recordings, and mixtures of them."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import torch
from torch import Tensor

from edge.contract.errors import ConfigError
from edge.contract.taxonomy import read_names
from train.config import DistillConfig, PretrainConfig
from train.data.corpora import open_dataset
from train.data.dataset import UNLABELLED, Dataset, Item
from train.engine.ranks import ALONE, Ranks
from train.model.frontend import InputSpec, LogMelSpec
from train.sound.features import load_features
from train.sound.hint_loss import HintLoss
from train.sound.hints import STEP_S, Hints, load_hints
from train.sound.log_mel_store import LogMelStore
from train.sound.mixtures import MixtureConfig, load_mixtures
from train.sound.sampler import Augmentation, WindowSampler
from train.sound.training_set import TrainingSet

_VARIED = Augmentation(mix=0.0, background=0.0, mask=0.15)
"""Nothing that the network did not hear may be mixed in."""
_AS_IT_IS = replace(_VARIED, mask=0.0)
"""Maps tell what is in each place of a window."""
_ROOT = 0.5
"""Recordings and mixtures are drawn by the square roots of their counts."""


@dataclass(frozen=True)
class TaughtSounds:
    """Sounds that a student may imitate."""

    log_mels: tuple[Tensor, ...]
    """float16[frames, mel_bins]: of the labelled recordings, the others, and the mixtures."""
    hints: tuple[Tensor, ...]
    """float16[n, dim + labels] each."""
    labels: tuple[str, ...]
    """Species ids that the network's logits are of, as far as they are in our taxonomy."""
    maps: tuple[Tensor, ...]
    """float16[mixtures, channels, frames, bins] each, from below: the network's of the mixtures."""
    recordings: int
    """Count of those that are no mixtures."""
    heard_s: float
    """Length of the network's window."""
    licences: tuple[str, ...]
    """Of the recordings, each once."""

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
        kind = torch.arange(len(self.log_mels)) >= self.recordings
        augmentation = _AS_IT_IS if self.maps else _VARIED
        return WindowSampler(
            clips=LogMelStore(self.log_mels, device),
            labels=kind.long(),
            background=LogMelStore((), device),
            frames=input_spec.frames,
            augmentation=augmentation,
            seed=seed,
            weight=_ROOT,
            ranks=ranks,
            grid_frames=STEP_S * spec.sample_rate_hz / spec.hop_samples,
        )


def load_taught(
    config: PretrainConfig | DistillConfig,
    dataset: Dataset,
    sounds: TrainingSet,
    spec: LogMelSpec,
    cache: Path,
    maps: bool = False,
) -> TaughtSounds:
    """Load what the hint's network makes of a data set's recordings, and of mixtures of them.

    Args:
        config: `hint`, `mixtures`, `birdless`, `favoured`, `extra_backgrounds` and `seed`.
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
    items, features = _unlabelled(dataset, spec, cache)
    birds = [*sounds.items, *items]
    rows, mapped = load_hints(birds, hints, cache), tuple[Tensor, ...]()
    log_mels = [*sounds.features, *features]
    if config.mixtures:
        wanted = MixtureConfig(
            count=config.mixtures,
            birdless=config.birdless,
            favoured=favoured,
            maps=maps,
            seed=config.seed,
        )
        background = _background(dataset, config.extra_backgrounds)
        mixtures = load_mixtures(
            birds, background=background, config=wanted, spec=spec, hints=hints, cache=cache
        )
        log_mels += mixtures.log_mels
        rows += mixtures.hints
        mapped = tuple(mixtures.maps)
    return TaughtSounds(
        log_mels=tuple(log_mels),
        hints=tuple(rows),
        labels=hints.labels,
        maps=mapped,
        recordings=len(birds),
        heard_s=hints.recipe.window_s,
        licences=tuple(sorted({item.licence for item in birds})),
    )


def _unlabelled(dataset: Dataset, spec: LogMelSpec, cache: Path) -> tuple[list[Item], list[Tensor]]:
    """Readable recordings of birds that are not said to be of a species, and their log-mels."""
    items = dataset.select("audio", UNLABELLED, ("",))
    if not items:
        return [], []
    read = zip(items, load_features(items, spec, cache), strict=True)
    pairs = [(item, log_mel) for item, log_mel in read if log_mel is not None]
    return [item for item, _ in pairs], [log_mel for _, log_mel in pairs]


def _background(dataset: Dataset, extra: str) -> Sequence[Item]:
    sources = [dataset, *([open_dataset(extra)] if extra else [])]
    return [item for source in sources for item in source.select("audio", "train", ("",))]
