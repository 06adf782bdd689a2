"""Calibration of a bundle's species sets, and which of them to listen for."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np

from edge.contract.bundle import Bundle
from edge.contract.calibration import Calibration, Weights
from edge.contract.errors import BundleError
from gallery.calibration.scoring import WEIGHTS, EmbeddedRecordings, score
from gallery.calibration.threshold import (
    ScoredWindows,
    ThresholdLimits,
    fit_calibration,
    true_matches,
)

_ENOUGH = 0.8
"""Share of the best set's reports that a larger one has to make."""
FittedSet = tuple[Calibration, ScoredWindows]
"""Calibration of a species set, and the takes without mixtures, scored."""


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
    tried, refused = [], None
    for weights in WEIGHTS:
        try:
            tried.append(_with_weights(bundle, parts, weights, limits))
        except BundleError as error:  # what these weigh most says nothing
            refused = refused or error
    if refused and not tried:
        raise refused
    return max(tried, key=_reported)


def _with_weights(
    bundle: Bundle,
    parts: Sequence[EmbeddedRecordings],
    weights: Weights | None,
    limits: ThresholdLimits,
) -> dict[str, FittedSet]:
    scored = [score(part, bundle, weights) for part in parts]
    fitted = {}
    for name in bundle.manifest.species_sets:
        windows = ScoredWindows.joined([by_set[name] for by_set in scored])
        found = replace(fit_calibration(windows, limits), weights=weights)
        fitted[name] = found, windows.alone()
    return fitted


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
    sizes = {name: windows.score.shape[1] for name, (_, windows) in fitted.items()}
    birds = np.all([windows.present.any(axis=1) for _, windows in fitted.values()], axis=0)
    right = {
        name: reported(found, windows.part(birds)) for name, (found, windows) in fitted.items()
    }
    enough = [name for name, count in right.items() if count >= _ENOUGH * max(right.values())]
    return max(enough, key=lambda name: sizes[name])


def reported(found: Calibration, windows: ScoredWindows) -> int:
    """Takes of which a species that sings in them is reported."""
    return true_matches(found.probability(windows.score), windows, found.threshold)[0]
