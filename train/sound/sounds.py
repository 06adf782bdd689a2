"""The recordings of one split as log-mels, with their species."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from edge.contract.errors import DatasetError
from edge.contract.taxonomy import Species, read_names
from train.config import DistillConfig, PretrainConfig
from train.data.dataset import Dataset, Item
from train.ears.recipe import locate
from train.engine.ranks import ALONE, Ranks
from train.frontend import Hearing, LogMelSpec
from train.sound.clips import Clips
from train.sound.features import load_features
from train.sound.hints import HintLoss, NoHint, load_hints
from train.sound.sampler import Augmentation, WindowSampler

HEARD = "heard.json"
"""Beside a pretrained student: the species of its training."""


@dataclass(frozen=True)
class Sounds:
    """Readable recordings only."""

    species: tuple[Species, ...]
    """What the labels index: those that have a recording here."""
    items: tuple[Item, ...]
    features: tuple[Tensor, ...]
    """float16[frames, mel_bins] a recording."""
    labels: tuple[int, ...]
    background: tuple[Tensor, ...]
    """Log-mels of recordings without a bird."""

    @property
    def heard(self) -> tuple[str, ...]:
        """Ids of the species that have a readable recording."""
        return tuple(one.species_id for n, one in enumerate(self.species) if n in self.labels)

    @property
    def licences(self) -> tuple[str, ...]:
        """Licences of the recordings, each once."""
        return tuple(sorted({one.licence for one in self.items}))

    def heard_with(self, *before: str) -> tuple[str, ...]:
        """Ids of the species heard here, or by the models that a training began as, sorted."""
        earlier = (one for model in before if model for one in heard_by(model))
        return tuple(sorted({*self.heard, *earlier}))

    def write_heard(self, folder: Path, *before: str) -> None:
        """Leave a note beside a model: which species it, and those it began as, have heard."""
        heard = json.dumps(self.heard_with(*before))
        (folder / HEARD).write_text(heard + "\n", encoding="utf-8")

    def sampler(
        self,
        frames: int,
        config: PretrainConfig | DistillConfig,
        device: torch.device,
        ranks: Ranks = ALONE,
    ) -> WindowSampler:
        """Batches of random windows, augmented and balanced as configured."""
        return WindowSampler(
            Clips(self.features, device),
            torch.tensor(self.labels),
            Clips(self.background, device),
            frames,
            Augmentation(mix=config.mix, background=config.background),
            config.seed,
            config.species_weight,
            ranks,
        )

    def hint(self, hint: str, features: int, hearing: Hearing, cache: Path) -> HintLoss | NoHint:
        """Loss of learning from another network's embedding of the same windows.

        Args:
            hint: an ear, as `train.ears.recipe.locate` has it; empty learns without.
            features: width of the student's features.
            hearing: the student's.
            cache: where embeddings are kept.

        Raises:
            BirdlistenError: the network isn't in the folder, or can't be run.
        """
        if not hint:
            return NoHint()
        hints = load_hints(self.items, hint, cache)
        return HintLoss(hints, features, hearing, locate(hint)[0].window_s)


def load_sounds(
    dataset: Dataset,
    spec: LogMelSpec,
    cache: Path,
    held_out: Sequence[str] = (),
    split: str = "train",
    quiet: Dataset | None = None,
) -> Sounds:
    """Load a split's recordings of all species but the held-out ones.

    Args:
        dataset: of birds, and of background if it has any.
        spec: of the log-mels.
        cache: where they are kept.
        held_out: ids of species to leave out.
        split: `train` or another.
        quiet: more background.

    Raises:
        DatasetError: none is readable, or a held-out species is unknown.
    """
    _check_known(held_out, dataset)
    wanted = set(dataset.taxonomy.ids) - set(held_out)
    items = dataset.select("audio", split, wanted)
    recorded = {one.species_id for one in items}
    species = tuple(one for one in dataset.taxonomy.species if one.species_id in recorded)
    ids = [one.species_id for one in species]
    if not items:
        raise DatasetError(f"{dataset.path}: no recordings in split {split!r}")
    features = load_features(items, spec, cache)
    good = [(item, one) for item, one in zip(items, features, strict=True) if one is not None]
    return Sounds(
        species,
        tuple(item for item, _ in good),
        tuple(one for _, one in good),
        tuple(ids.index(item.species_id) for item, _ in good),
        tuple(
            one
            for source in (dataset, quiet)
            if source is not None
            for one in _background(source, spec, cache, split)
        ),
    )


def check_unheard(student: str, held_out: Sequence[str]) -> None:
    """Refuse to call a species held out that the student has heard before.

    Raises:
        DatasetError: one was heard. A model without a note, such as a hub's, can't be checked.
    """
    known = sorted(set(held_out) & set(heard_by(student)))
    if known:
        raise DatasetError(
            f"held_out: {student} has heard {', '.join(known)}; pretrain one that hasn't: "
            f"python -m train.pretrain --only student held_out={','.join(held_out)}"
        )


def left_out(config: DistillConfig, dataset: Dataset) -> tuple[str, ...]:
    """Ids of the species that a distillation doesn't learn.

    Raises:
        ConfigError: the file of those that it learns can't be read.
    """
    if not config.species:
        return config.held_out
    chosen = set(read_names(Path(config.species))) - set(config.held_out)
    return tuple(one for one in dataset.taxonomy.ids if one not in chosen)


def heard_by(student: str) -> list[str]:
    """Ids of the species that a pretrained student has heard, as far as it says."""
    note = Path(student) / HEARD
    return list(json.loads(note.read_text(encoding="utf-8"))) if note.is_file() else []


def _background(dataset: Dataset, spec: LogMelSpec, cache: Path, split: str) -> tuple[Tensor, ...]:
    items = dataset.select("audio", split, ("",))
    features = load_features(items, spec, cache) if items else []
    return tuple(one for one in features if one is not None)


def _check_known(held_out: Sequence[str], dataset: Dataset) -> None:
    strangers = sorted(set(held_out) - set(dataset.taxonomy.ids))
    if strangers:
        raise DatasetError(f"held_out: not in the taxonomy of {dataset.path}: {strangers}")
