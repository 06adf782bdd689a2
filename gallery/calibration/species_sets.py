"""Calibration of a bundle's species sets, and which of them to listen for."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np

from edge.contract.bundle import Bundle
from edge.contract.calibration import Calibration, Weights
from edge.contract.errors import BundleError, DatasetError
from gallery.calibration.hits import Hits
from gallery.calibration.scored_windows import FiledWindows
from gallery.calibration.scoring import WEIGHTS, EmbeddedRecordings, scorer
from gallery.calibration.threshold import ThresholdLimits, fit

_ENOUGH = 0.8
"""Share of the best set's reports that a larger one has to make."""
FittedSet = tuple[Calibration, Hits]
"""Calibration of a species set, and what may be reported of the takes without mixtures."""


def fit_sets(
    bundle: Bundle, parts: Sequence[EmbeddedRecordings], fuse: bool, limits: ThresholdLimits
) -> dict[str, FittedSet]:
    """The calibration of each species set; fused by the weights with which most is reported.

    Args:
        bundle: whose sets they are.
        parts: recordings, as the bundle or its folds heard them.
        fuse: by pictures and names; else by pictures alone.
        limits: of the thresholds.

    Raises:
        BundleError: higher scores are not more often right, whatever the weights.
    """
    if not fuse:
        return _with_weights(bundle, parts, None, limits)
    best, refused = dict[str, FittedSet](), None
    for weights in WEIGHTS:
        try:
            tried = _with_weights(bundle, parts, weights, limits)
        except BundleError as error:  # what these weigh most says nothing
            refused = refused or error
            continue
        best = max(best or tried, tried, key=_reported)
    if refused and not best:
        raise refused
    return best


def _with_weights(
    bundle: Bundle,
    parts: Sequence[EmbeddedRecordings],
    weights: Weights | None,
    limits: ThresholdLimits,
) -> dict[str, FittedSet]:
    _check_alike(parts, weights)
    kept = {name: FiledWindows() for name in bundle.manifest.species_sets}
    first = 0
    for part in parts:
        scored = scorer(part.model, bundle, weights)
        for block in part.blocks():
            for name, windows in scored(block).items():
                kept[name].add(windows, first)
        first += int(part.owners[-1]) + 1 if len(part.owners) else 0
    fitted = {}
    for name, filed in kept.items():
        found, hits = fit(filed, limits)
        fitted[name] = replace(found, weights=weights), hits
    return fitted


def _check_alike(parts: Sequence[EmbeddedRecordings], weights: Weights | None) -> None:
    """Folds' columns are joined, so that each has to score the same species."""
    first, *others = ((part.model.bundle, _scored_species(part, weights)) for part in parts)
    for fold, species in others:
        if differing := sorted(species ^ first[1]):
            raise DatasetError(
                f"{fold.path}: knows other species than {first[0].path}, first {differing[0]}; "
                "give both galleries pictures of the same species"
            )


def _scored_species(part: EmbeddedRecordings, weights: Weights | None) -> set[str]:
    bundle = part.model.bundle
    named = bundle.anchors_by_id if weights and bundle.anchors is not None else {}
    return bundle.gallery.members.keys() | named.keys()


def _reported(fitted: Mapping[str, FittedSet]) -> int:
    """Recordings of which a species in them is reported, over all sets."""
    return sum(reported(*found) for found in fitted.values())


def largest_set(fitted: Mapping[str, FittedSet]) -> str:
    """The largest species set that reports nearly as much as the best one.

    With more species there are more names to be mistaken for, and the threshold is higher. Counted
    are the recordings in which every set has a species.

    Args:
        fitted: by name of the set, on the same takes.
    """
    sizes = {name: hits.width for name, (_, hits) in fitted.items()}
    birds = np.all([hits.sung for _, hits in fitted.values()], axis=0)
    right = {name: reported(found, hits.part(birds)) for name, (found, hits) in fitted.items()}
    enough = [name for name, count in right.items() if count >= _ENOUGH * max(right.values())]
    return max(enough, key=lambda name: sizes[name])


def reported(found: Calibration, hits: Hits) -> int:
    """Takes of which a species that sings in them is reported."""
    return hits.true_matches(found.threshold)[0]
