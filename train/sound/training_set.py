"""The recordings of one split as log-mels, with their species."""

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from edge.contract.errors import DatasetError
from edge.contract.taxonomy import Species, read_names
from gallery.data.corpora import open_dataset
from gallery.data.dataset import Dataset, Item
from train.config import HeardConfig
from train.ears.recipe import locate
from train.engine.ranks import ALONE, Ranks
from train.engine.terms import digest
from train.model.frontend import InputSpec, LogMelSpec
from train.sound.corpus_draws import corpus_draws
from train.sound.features import load_features
from train.sound.heard import SEEN, heard_by
from train.sound.hint_loss import HintLoss, NoHint
from train.sound.hints import load_embeddings
from train.sound.log_mel_store import LogMelStore, lengths_of
from train.sound.sampler import Augmentation, WindowSampler
from train.sound.section import section_shares, sections

_SECTION = 2
"""Windows that a section of a long recording is long, so that each can be cut in many ways."""


@dataclass(frozen=True)
class TrainingSet:
    """Readable recordings only."""

    species: tuple[Species, ...]
    """What the labels index: those that have a recording here."""
    items: tuple[Item, ...]
    features: Sequence[Tensor]
    """float16[frames, mel_bins] a recording."""
    labels: tuple[int, ...]
    background: Sequence[Tensor]
    """Log-mels of recordings without a bird."""
    also: tuple[tuple[int, ...], ...] = ()
    """Labels of others that are heard in each recording; empty if there is none anywhere."""
    known: frozenset[str] = frozenset()
    """Ids of all species of the data set, recorded here or not."""

    @property
    def others(self) -> tuple[tuple[int, ...], ...]:
        """Labels of others, of every recording."""
        return self.also or ((),) * len(self.labels)

    @property
    def seen_species(self) -> tuple[str, ...]:
        """Ids of the species that have a readable recording."""
        labels = set(self.labels)
        return tuple(species.species_id for n, species in enumerate(self.species) if n in labels)

    @property
    def licences(self) -> tuple[str, ...]:
        """Licences of the recordings, each once."""
        return tuple(sorted({item.licence for item in self.items}))

    @property
    def digests(self) -> dict[str, str]:
        """Tells these recordings, and how they are drawn, from others, by the settings' names."""
        ids = [species.species_id for species in self.species]
        drawn = [part for part in (self._heard_beside, self._asked_for) if part]
        lengths = lengths_of(self.features).numpy()
        return {
            "data": digest(ids, np.array(self.labels), lengths, *drawn),
            "extra_backgrounds": digest(lengths_of(self.background).numpy()),
        }

    @property
    def _heard_beside(self) -> list[tuple[int, ...]]:
        """A recording and the labels of others in it, of those that have some."""
        return [(n, *labels) for n, labels in enumerate(self.also) if labels]

    @property
    def _asked_for(self) -> list[tuple[int, float]]:
        """A corpus and its share, of each recording, where shares are asked for."""
        place = {name: n for n, name in enumerate(dict.fromkeys(i.corpus for i in self.items))}
        if not any(item.share for item in self.items):
            return []
        return [(place[item.corpus], item.share) for item in self.items]

    def seen_with(self, *before: str) -> tuple[str, ...]:
        """Ids of the species heard here, or by the models that a training began as, sorted.

        What these call otherwise goes by the data set's name.
        """
        earlier = (name for model in before if model for name in heard_by(model, self.known))
        return tuple(sorted({*self.seen_species, *earlier}))

    def write_seen(self, folder: Path, *before: str) -> None:
        """Leave a note beside a model: which species it, and those it began as, have heard."""
        seen_species = json.dumps(self.seen_with(*before))
        (folder / SEEN).write_text(seen_species + "\n", encoding="utf-8")

    def sampler(
        self,
        frames: int,
        config: HeardConfig,
        device: torch.device,
        ranks: Ranks = ALONE,
    ) -> WindowSampler:
        """Batches of random windows, augmented and balanced as configured."""
        parts = section_shares(self.items)
        shares, chances = corpus_draws(self.items, self.labels, config.species_weight, parts)
        return WindowSampler(
            clips=LogMelStore(self.features, device),
            labels=torch.tensor(self.labels),
            background=LogMelStore(self.background, device),
            frames=frames,
            augmentation=Augmentation(
                gain_db=config.gain_db,
                mix=config.mix,
                background=config.background_prob,
                mix_db=(config.least_db, config.mix_db),
                background_db=(config.least_db, config.background_db),
                mask=config.mask,
                mask_frames=config.mask_frames,
                mask_bins=config.mask_bins,
            ),
            seed=config.seed,
            weight=config.species_weight,
            ranks=ranks,
            shares=shares,
            chances=chances,
        )

    def hint(
        self, hint: str, features: int, input_spec: InputSpec, cache: Path
    ) -> HintLoss | NoHint:
        """Loss of learning from another network's embedding of the same windows.

        Args:
            hint: an ear, as `train.ears.recipe.locate` has it; empty learns without.
            features: width of the student's features.
            input_spec: the student's.
            cache: where embeddings are kept.

        Raises:
            BirdlistenError: the network isn't in the folder, or can't be run.
        """
        if not hint:
            return NoHint()
        rows, recipe = load_embeddings(self.items, hint, cache), locate(hint)[0]
        return HintLoss(
            rows, labels=0, features=features, input_spec=input_spec, heard_s=recipe.window_s
        )


def load_sounds(
    dataset: Dataset,
    spec: LogMelSpec,
    cache: Path,
    held_out: Sequence[str] = (),
    split: str = "train",
    background: Dataset | None = None,
    cut: Callable[[Sequence[Item]], Sequence[Item]] = list,
) -> TrainingSet:
    """Load a split's recordings of all species but the held-out ones.

    Args:
        dataset: of birds, and of background if it has any.
        spec: of the log-mels.
        cache: where they are kept.
        held_out: ids of species to leave out.
        split: `train` or another.
        background: more background.
        cut: what is taken of the recordings; see `cut_by`.

    Raises:
        DatasetError: none is readable, or a held-out species is unknown.
    """
    _check_known(held_out, dataset)
    wanted = set(dataset.taxonomy.ids) - set(held_out)
    items = dataset.select("audio", split, wanted)
    recorded = {item.species_id for item in items}
    species = tuple(bird for bird in dataset.taxonomy.species if bird.species_id in recorded)
    place = {bird.species_id: n for n, bird in enumerate(species)}
    if not items:
        raise DatasetError(f"{dataset.path}: no recordings in split {split!r}")
    readable, features = load_features(cut(items), spec, cache)
    sources = [source for source in (dataset, background) if source is not None]
    quiet = [_background(source, spec, cache, split=split, cut=cut) for source in sources]
    return TrainingSet(
        species=species,
        known=frozenset(dataset.taxonomy.ids),
        items=tuple(readable),
        features=features,
        labels=tuple(place[item.species_id] for item in readable),
        also=tuple(tuple(place[name] for name in item.also if name in place) for item in readable),
        background=quiet[0] if len(quiet) == 1 else [log_mel for part in quiet for log_mel in part],
    )


def cut_by(config: HeardConfig) -> Callable[[Sequence[Item]], Sequence[Item]]:
    """Cut of a training's recordings: of those that are too long it takes sections."""
    return partial(sections, most_s=config.longest_s, section_s=_SECTION * config.window_s)


def check_recorded(dataset: Dataset, split: str) -> None:
    """Refuse a data set without recordings of a species, before models are loaded for it.

    Raises:
        DatasetError: the split has none; it says what there is.
    """
    if not dataset.select("audio", split, dataset.taxonomy.ids):
        raise DatasetError(
            f"{dataset.path}: no recordings in split {split!r}; it has {dataset.contents}"
        )


def open_background(name: str) -> Dataset | None:
    """Further background; None if none is named.

    Raises:
        DatasetError: it has no recording without a bird to train with.
    """
    opened = open_dataset(name) if name else None
    if opened and not opened.select("audio", "train", ("",)):
        raise DatasetError(
            f"extra_backgrounds: {name}: no recordings without a species in split 'train'; it has "
            f"{opened.contents}"
        )
    return opened


def left_out(chosen: str, held_out: tuple[str, ...], dataset: Dataset) -> tuple[str, ...]:
    """Ids of the species that a distillation doesn't learn.

    Args:
        chosen: file with a scientific name a line: only these are learned; empty learns all.
        held_out: ids that are not learned, to measure transfer.
        dataset: knows all species.

    Raises:
        ConfigError: the file of those that it learns can't be read.
    """
    if not chosen:
        return held_out
    learned = set(read_names(Path(chosen))) - set(held_out)
    return tuple(species for species in dataset.taxonomy.ids if species not in learned)


def _background(
    dataset: Dataset,
    spec: LogMelSpec,
    cache: Path,
    split: str,
    cut: Callable[[Sequence[Item]], Sequence[Item]],
) -> Sequence[Tensor]:
    items = dataset.select("audio", split, ("",))
    return load_features(cut(items), spec, cache)[1] if items else ()


def _check_known(held_out: Sequence[str], dataset: Dataset) -> None:
    unknown = sorted(set(held_out) - set(dataset.taxonomy.ids))
    if unknown:
        raise DatasetError(f"held_out: not in the taxonomy of {dataset.path}: {unknown}")
