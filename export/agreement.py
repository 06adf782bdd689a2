"""Does a variant still find the same species? Through gallery, background and pooling."""

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
    """A variant beside torch."""

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
) -> Agreement | None:
    """Compare a variant with torch; None without a recording of a species in the gallery.

    Args:
        bundle: holds the variant and the gallery.
        precision: which variant.
        reference: float32[windows, samples] -> float32[windows, dim] of torch.
        recorded: recordings of birds.
    """
    encoder, background = (
        open_encoder(bundle, precision, Running("cpu", threads=0)),
        bundle.background("fp32"),
    )
    own = bundle.background(precision)
    exact, variant = (_search(bundle, one) for one in (background, own))
    known = [one for one in recorded if one.species_ids & set(exact.species_ids)]
    if not known:
        return None
    parts = [windows_of(one, bundle.manifest.audio) for one in known]
    windows = np.concatenate(parts)
    owners = np.repeat(np.arange(len(parts)), [len(one) for one in parts])
    there = np.array([[one in take.species_ids for one in exact.species_ids] for take in known])
    first = exact.scores(reference(windows)).score
    embeddings = np.concatenate([encoder.encode(one[None]) for one in windows])
    second = variant.scores(embeddings).score
    same = float((first.argmax(axis=1) == second.argmax(axis=1)).mean())
    lost = _mean_ap(first, owners, there) - _mean_ap(second, owners, there)
    return Agreement(same, 100 * lost, len(windows))


def _search(bundle: Bundle, background: npt.NDArray[np.float16] | None) -> Search:
    top = bundle.manifest.top_pictures
    return Search(bundle.gallery, bundle.taxonomy.ids, top, background)


def _mean_ap(score: Floats, owners: npt.NDArray[np.intp], there: npt.NDArray[np.bool_]) -> float:
    pooled = Heard(score, owners).loudest(score)
    return class_average(average_precision(pooled, there), there.argmax(axis=1))
