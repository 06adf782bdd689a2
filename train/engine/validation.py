"""Judging a training while it goes on: how well validation recordings find their species' name."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from edge.contract.errors import DatasetError
from train.checkpoint import Checkpoint
from train.data.dataset import Dataset
from train.measure.metrics import average_precision, class_average
from train.measure.retrieval import Heard, matches
from train.sound.recordings import load_recordings
from train.student import embed_log_mels

SPLIT = "validation"


@dataclass(frozen=True)
class Validation:
    """Validation of weights, and early stopping on it."""

    score: Callable[[], float]
    """Higher is better; must not change the training."""
    every: int
    """Steps from one time to the next; the last step is always judged."""
    patience: int = 0
    """A training ends after so many validations without a better one; 0: never."""
    name: str = "validation_mAP"

    def due(self, step: int, steps: int) -> bool:
        """True if it is time."""
        return step % self.every == 0 or step == steps

    def over(self, stale: int) -> bool:
        """True if patience has run out."""
        return 0 < self.patience <= stale


def name_retrieval(checkpoint: Checkpoint, dataset: Dataset, cache: Path) -> Callable[[], float]:
    """A->T mAP, class-averaged, of the validation split's recordings among all species.

    Args:
        checkpoint: its student is taken as it is whenever it is asked.
        dataset: has a split `validation`, and the checkpoint's taxonomy.
        cache: where windows are kept.

    Raises:
        DatasetError: there is no such split, or nothing in it is readable.
    """
    ids = np.array(dataset.taxonomy.ids)
    items = dataset.select("audio", SPLIT, dataset.taxonomy.ids)
    if not items:
        raise DatasetError(
            f"{dataset.path}: no recordings in split {SPLIT!r} to validate with; give some, or "
            "train without: validate_every=0"
        )
    recordings = load_recordings(items, checkpoint.hearing, cache)
    relevant = matches(recordings.species, ids)

    def score() -> float:
        student = checkpoint.student
        was = student.training
        heard = embed_log_mels(student.eval(), recordings.log_mels).numpy()
        student.train(was)
        found = average_precision(
            Heard(heard, recordings.recording).pooled(checkpoint.anchors), relevant
        )
        return class_average(found, recordings.species)

    return score
