"""Agreement of a variant with torch on the best species, through gallery and pooling."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from edge.contract.bundle import Bundle
from edge.encoder import open_encoder
from edge.search import Search
from edge.session import Running
from export.recorded import Recorded, windows_of
from train.measure.metrics import average_precision, class_average
from train.measure.retrieval import Heard

Floats = npt.NDArray[np.float32]


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
    reference: Callable[[Floats], Floats],
    recorded: Sequence[Recorded],
) -> dict[str, Agreement]:
    """Compare a variant with torch, by species set; sets without a recording are left out.

    Args:
        bundle: holds the variant and the gallery.
        precision: which variant.
        reference: float32[windows, samples] -> float32[windows, dim] of torch.
        recorded: recordings of birds.
    """
    encoder = open_encoder(bundle, precision, Running("cpu", threads=0))
    parts = [windows_of(one, bundle.manifest.audio) for one in recorded]
    exact = [reference(one) for one in parts]
    variant = [encoder.encode(one) for one in parts]
    found = {}
    for name in bundle.manifest.species_sets:
        searches = [_search(bundle, name, one) for one in ("fp32", precision)]
        ids = set(searches[0].species_ids)
        known = [n for n, one in enumerate(recorded) if one.species_ids & ids]
        if known:
            sides = ([exact[n] for n in known], [variant[n] for n in known])
            found[name] = _compared(searches, sides, [recorded[n] for n in known])
    return found


def _search(bundle: Bundle, species_set: str, precision: str) -> Search:
    ids, top = bundle.species_ids(species_set), bundle.manifest.top_pictures
    return Search(bundle.gallery, ids, top, bundle.background(precision))


def _compared(
    searches: Sequence[Search], sides: Sequence[list[Floats]], recorded: Sequence[Recorded]
) -> Agreement:
    owners = np.repeat(np.arange(len(recorded)), [len(one) for one in sides[0]])
    ids = searches[0].species_ids
    there = np.array([[one in take.species_ids for one in ids] for take in recorded])
    scores = [
        one.scores(np.concatenate(side)).score for one, side in zip(searches, sides, strict=True)
    ]
    same = float((scores[0].argmax(axis=1) == scores[1].argmax(axis=1)).mean())
    exact, variant = (_mean_ap(one, owners, there) for one in scores)
    return Agreement(same, 100 * (exact - variant), len(owners))


def _mean_ap(score: Floats, owners: npt.NDArray[np.intp], there: npt.NDArray[np.bool_]) -> float:
    pooled = Heard(score, owners).loudest(score)
    return class_average(average_precision(pooled, there), there.argmax(axis=1))
