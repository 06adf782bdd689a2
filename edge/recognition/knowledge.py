"""Knowledge of the species: the bundle's evidence, and what the station has learnt of its own."""

from collections.abc import Mapping, Sequence

import numpy as np

from edge.contract.arrays import Float16s, Float32s, Places
from edge.contract.bundle import Bundle
from edge.contract.calibration import Calibration
from edge.recognition.background import thinned
from edge.recognition.fusion import Fusion
from edge.recognition.overlay import Learnt, Overlay
from edge.recognition.search import Search

_LIKENESS = 0.9
"""Cosine from which two windows are of one sound: half of the windows of one recording are that
near to each other, and one in a hundred of those of others (the starter's encoder, real birds)."""


class Knowledge:
    """Search, chosen species and rejected sounds of one moment; learning makes another.

    Args:
        bundle: with gallery and anchors.
        chosen: ids of the species to choose from; those of which nothing is known are left out.
        calibration: says how evidence is weighted.
        background: float16[m, dim] embeddings of windows without a bird, as shipped, or None.
        overlay: what the station has learnt, which is read; None is nothing.
        kept: those of the chosen that stay, even if all that was known of them is taken back.

    Raises:
        BundleError: nothing is known of any of the chosen species.
    """

    def __init__(
        self,
        *,
        bundle: Bundle,
        chosen: Sequence[str],
        calibration: Calibration | None,
        background: Float16s | None,
        overlay: Overlay | None,
        kept: Sequence[str] = (),
    ) -> None:
        learnt = Learnt() if overlay is None else overlay.load()
        self.search = _open_search(
            bundle,
            chosen=chosen,
            calibration=calibration,
            bank=_joined(background, learnt.background),
            exemplars={**_nothing(kept, bundle), **learnt.exemplars},
        )
        self._rejected = None if learnt.rejected is None else learnt.rejected.astype(np.float32)
        place = {species: n for n, species in enumerate(self.search.species_ids)}
        self.species_ids = [species for species in chosen if species in place]
        self.columns: Places = np.array([place[species] for species in self.species_ids], np.intp)
        """Places of the chosen species among those that are searched."""

    def was_rejected(self, embedding: Float32s) -> bool:
        """True if a window sounds like what a person has rejected here."""
        rejected = self._rejected
        return rejected is not None and bool((rejected @ embedding).max() >= _LIKENESS)


def _joined(shipped: Float16s | None, own: Float16s | None) -> Float16s | None:
    """Windows without a bird; of the station's own as many as a bank may have."""
    if own is None:
        return shipped
    return thinned(own) if shipped is None else np.concatenate([shipped, thinned(own)])


def _nothing(kept: Sequence[str], bundle: Bundle) -> dict[str, Float16s]:
    """A sound that nothing is near to, for species that are known by sounds alone."""
    silence, anchors = (
        np.zeros((1, bundle.manifest.embedding_dim), np.float16),
        bundle.anchors_by_id,
    )
    known = bundle.gallery.members.keys() | anchors.keys()
    return {species: silence for species in kept if species not in known}


def _open_search(
    bundle: Bundle,
    chosen: Sequence[str],
    calibration: Calibration | None,
    bank: Float16s | None,
    exemplars: Mapping[str, Float16s],
) -> Search | Fusion:
    """The search of a bundle: the chosen species, or all names if it was calibrated so.

    Without weights in the calibration it is by pictures alone.
    """
    top = bundle.manifest.top_pictures
    anchors = bundle.anchors_by_id
    weights = calibration.weights if calibration else None
    if weights is None:
        return Search(bundle.gallery, chosen, top, bank, anchors=anchors, exemplars=exemplars)
    return Fusion(
        gallery=bundle.gallery,
        species_ids=bundle.taxonomy.ids,
        top_pictures=top,
        weights=weights,
        anchors=anchors,
        background=bank,
        exemplars=exemplars,
    )
