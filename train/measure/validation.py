"""Judging a training while it goes on: how well validation recordings find their species' name."""

from collections.abc import Callable
from pathlib import Path

import numpy as np

from edge.contract.errors import DatasetError
from gallery.data.dataset import Dataset, Item
from train.engine.ranks import ALONE, Ranks
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


def name_retrieval(
    checkpoint: Checkpoint, dataset: Dataset, cache: Path, ranks: Ranks = ALONE
) -> Callable[[], float]:
    """A->T mAP, class-averaged, of the validation split's recordings among all species.

    Args:
        checkpoint: its student is taken as it is whenever it is asked.
        dataset: has a split `validation`, and the checkpoint's taxonomy.
        cache: where windows are kept.
        ranks: each embeds its share of the recordings, and all know the score.

    Raises:
        DatasetError: there is no such split, or nothing in it is readable.
    """
    ids, items = np.array(dataset.taxonomy.ids), validation_items(dataset)
    recordings = load_recordings(items, checkpoint.input_spec, cache)
    mine = recordings.only(range(*ranks.mine.indices(len(recordings.items))))
    relevant = matches(mine.species, ids)

    def score() -> float:
        student = checkpoint.student
        was = student.training
        found = np.empty(0)
        if mine.items:
            embedded = embed_log_mels(student.eval(), mine.log_mels).numpy()
            pooled = PooledEmbeddings(embedded, mine.recording).pooled(checkpoint.anchors)
            found = average_precision(pooled, relevant)
        student.train(was)
        whole = np.empty(len(recordings.items))
        for rank, share in enumerate(ranks.collect(found)):
            whole[Ranks(rank, ranks.world).mine] = share
        return class_average(whole, recordings.species)

    return score
