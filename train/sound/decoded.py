"""Recordings that a distillation decodes, known before any of them is."""

from collections.abc import Iterator

from gallery.data.corpora import open_dataset
from gallery.data.dataset import UNLABELLED, Dataset, Item
from train.config import DistillConfig
from train.sound.training_set import cut_by, left_out

_BACKGROUND = ("audio", "train", ("",))


def decoded(config: DistillConfig, dataset: Dataset) -> list[Item]:
    """Of species that it learns, and without a bird; with a hint those that only its ear names.

    Args:
        config: its settings; what is too long is cut as they say.
        dataset: that they name.

    Raises:
        BirdlistenError: a further data set, or the file of chosen species, can't be read.
    """
    return list(cut_by(config)(list(_chosen(config, dataset))))


def _chosen(config: DistillConfig, dataset: Dataset) -> Iterator[Item]:
    out = left_out(config.species, config.held_out, dataset)
    yield from dataset.select("audio", "train", set(dataset.taxonomy.ids) - set(out))
    yield from dataset.select(*_BACKGROUND)
    if config.extra_backgrounds:
        yield from open_dataset(config.extra_backgrounds).select(*_BACKGROUND)
    if not config.hint or not config.steps:
        return
    yield from dataset.select("audio", UNLABELLED, ("",))
    if config.rehearsed:
        before = open_dataset(config.rehearsed)
        species = {*before.taxonomy.ids, ""} - set(config.held_out)
        yield from before.select("audio", "train", species)
        yield from before.select("audio", UNLABELLED, ("",))
