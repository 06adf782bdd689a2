"""The species set to listen for: as large as it may be without costing the others much."""

from collections.abc import Mapping

import numpy as np

from edge.contract.calibration import Calibration
from gallery.calibration.threshold import ScoredWindows, true_matches

_ENOUGH = 0.8
"""Share of the best set's reports that a larger one has to make."""


FittedSets = Mapping[str, tuple[Calibration, ScoredWindows]]
"""By name of a species set its calibration, and the takes without mixtures, scored."""


def largest_set(fitted: FittedSets) -> str:
    """The largest species set that reports nearly as much as the best one.

    With more species there are more names to be mistaken for, and the threshold is higher. Counted
    are the recordings in which every set has a species.

    Args:
        fitted: on the same takes.
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
