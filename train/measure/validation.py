"""Judging a training while it goes on: how well validation recordings find their species' name."""

from collections.abc import Callable
from pathlib import Path

import numpy as np

from edge.contract.errors import DatasetError
from gallery.data.dataset import Dataset, Item
from train.measure.metrics import average_precision, class_average
from train.measure.recordings import load_recordings
from train.measure.retrieval import PooledEmbeddings, matches
from train.model.checkpoint import Checkpoint
from train.model.student import embed_log_mels

SPLIT = "validation"


def validation_items(dataset: Dataset) -> list[Item]:
    """Recordings to validate with.

    Raises:
        DatasetError: there are none.
    """
    items = dataset.select("audio", SPLIT, dataset.taxonomy.ids)
    if not items:
        raise DatasetError(
            f"{dataset.path}: no recordings in split {SPLIT!r} to validate with; give some, or "
            "train without: validate_every=0"
        )
    return items


def name_retrieval(checkpoint: Checkpoint, dataset: Dataset, cache: Path) -> Callable[[], float]:
    """A->T mAP, class-averaged, of the validation split's recordings among all species.

    Args:
        checkpoint: its student is taken as it is whenever it is asked.
        dataset: has a split `validation`, and the checkpoint's taxonomy.
        cache: where windows are kept.

    Raises:
        DatasetError: there is no such split, or nothing in it is readable.
    """
    ids, items = np.array(dataset.taxonomy.ids), validation_items(dataset)
    recordings = load_recordings(items, checkpoint.input_spec, cache)
    relevant = matches(recordings.species, ids)

    def score() -> float:
        student = checkpoint.student
        was = student.training
        embedded = embed_log_mels(student.eval(), recordings.log_mels).numpy()
        student.train(was)
        found = average_precision(
            PooledEmbeddings(embedded, recordings.recording).pooled(checkpoint.anchors), relevant
        )
        return class_average(found, recordings.species)

    return score
