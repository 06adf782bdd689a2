"""Agreement of a variant with torch on the best species, through gallery and pooling."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from edge.contract.arrays import Flags, Float32s, Places
from edge.contract.bundle import Bundle
from edge.recognition.encoder import open_encoder
from edge.recognition.runtime import RuntimeOptions
from edge.recognition.search import Search
from export.recordings import LabelledRecording, windows_of
from train.measure.metrics import average_precision, class_average
from train.measure.retrieval import PooledEmbeddings


@dataclass(frozen=True)
class Agreement:
    """A variant beside torch, over one species set."""

    top1: float
    """Share of windows whose best species is the same."""
    mAP_loss: float
    """Percentage points of class-averaged mAP, recording to species."""
    windows: int


def agreement(
    bundle: Bundle,
    precision: str,
    reference: Callable[[Float32s], Float32s],
    recorded: Sequence[LabelledRecording],
) -> dict[str, Agreement]:
    """Compare a variant with torch, by species set; sets without a recording are left out.

    Args:
        bundle: holds the variant and the gallery.
        precision: which variant.
        reference: float32[windows, samples] -> float32[windows, dim] of torch.
        recorded: recordings of birds.
    """
    encoder = open_encoder(bundle, precision, RuntimeOptions("cpu", threads=0))
    parts = [windows_of(recording, bundle.manifest.audio) for recording in recorded]
    exact = [reference(windows) for windows in parts]
    variant = [encoder.encode(windows) for windows in parts]
    found = {}
    for name in bundle.manifest.species_sets:
        searches = [_search(bundle, name, chosen) for chosen in ("fp32", precision)]
        ids = set(searches[0].species_ids)
        known = [n for n, recording in enumerate(recorded) if recording.species_ids & ids]
        if known:
            sides = ([exact[n] for n in known], [variant[n] for n in known])
            found[name] = _compared(searches, sides, [recorded[n] for n in known])
    return found


def _search(bundle: Bundle, species_set: str, precision: str) -> Search:
    ids, top = bundle.species_ids(species_set), bundle.manifest.top_pictures
    return Search(bundle.gallery, ids, top, bundle.background(precision))


def _compared(
    searches: Sequence[Search],
    sides: Sequence[list[Float32s]],
    recorded: Sequence[LabelledRecording],
) -> Agreement:
    owners = np.repeat(np.arange(len(recorded)), [len(side) for side in sides[0]])
    ids = searches[0].species_ids
    present = np.array(
        [[species in recording.species_ids for species in ids] for recording in recorded]
    )
    scores = [
        search.scores(np.concatenate(side)).score
        for search, side in zip(searches, sides, strict=True)
    ]
    same = float((scores[0].argmax(axis=1) == scores[1].argmax(axis=1)).mean())
    exact, variant = (_mean_ap(score, owners, present) for score in scores)
    return Agreement(same, 100 * (exact - variant), len(owners))


def _mean_ap(score: Float32s, owners: Places, present: Flags) -> float:
    pooled = PooledEmbeddings(score, owners).loudest(score)
    return class_average(average_precision(pooled, present), present.argmax(axis=1))
