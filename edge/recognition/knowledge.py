"""Knowledge of the species: the bundle's evidence, and what the station has learnt of its own."""

from collections.abc import Mapping, Sequence
from copy import copy

import numpy as np

from edge.contract.arrays import Float16s, Float32s, Places
from edge.contract.bundle import Bundle
from edge.contract.calibration import Calibration
from edge.recognition.background import BackgroundBank, thinned
from edge.recognition.fusion import Fusion
from edge.recognition.overlay import Learnt
from edge.recognition.search import Search

_LIKENESS = 0.999
"""Cosine from which two windows are of one sound. An encoder that projects by names, as the
starter's, brings all surely heard windows of a species near each other: at 0.9 one wrong record
that was rejected would silence nearly every right one of its species after it."""


class Knowledge:
    """Search, chosen species and rejected sounds of one moment; learning makes another.

    Args:
        bundle: with gallery and anchors.
        chosen: ids of the species to choose from; those of which nothing is known are left out.
        calibration: says how evidence is weighted.
        background: float16[m, dim] embeddings of windows without a bird, as shipped, or None.
        learnt: by the station.

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
        learnt: Learnt,
    ) -> None:
        self.search = _open_search(
            bundle,
            chosen=chosen,
            calibration=calibration,
            bank=background,
            exemplars=learnt.exemplars,
        )
        place = {species: n for n, species in enumerate(self.search.species_ids)}
        self.species_ids = [species for species in chosen if species in place]
        """Stays, whatever is learnt: records count on its order."""
        self.columns: Places = np.array([place[species] for species in self.species_ids], np.intp)
        """Places of the chosen species among those that are searched."""
        self._shipped = BackgroundBank(background)
        self._own: Float16s | None = None
        self._learn(learnt, gently=False)

    def taught(self, learnt: Learnt) -> "Knowledge":
        """The same species, with what the station knows now, made beside inference."""
        other = copy(self)
        other._learn(learnt, gently=True)
        return other

    def was_rejected(self, embedding: Float32s) -> bool:
        """True if a window sounds like what a person has rejected here."""
        rejected = self._rejected
        return rejected is not None and bool((rejected @ embedding).max() >= _LIKENESS)

    def _learn(self, learnt: Learnt, gently: bool) -> None:
        own, bank = None if learnt.background is None else thinned(learnt.background), None
        if not _same(own, self._own):
            self._own, bank = own, BackgroundBank(own, beside=self._shipped, gently=gently)
        self.search = self.search.taught(learnt.exemplars, bank)
        self._rejected = None if learnt.rejected is None else learnt.rejected.astype(np.float32)


def _same(one: Float16s | None, other: Float16s | None) -> bool:
    if one is None or other is None:
        return one is other
    return np.array_equal(one, other)


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
