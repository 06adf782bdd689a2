"""Average precision and F1 at a fixed threshold: pictures with and without their singer, by SLAVC.

As `EvaluatorFull` of SLAVC's code (Mo and Morgado 2022, arXiv 2209.09634): maps are scaled by
bounds that are the same for all, thresholded at 0.5, and each speaks with a confidence; a silent
picture, or one whose singer is off-screen, has no box and ought to be quiet.
"""

from dataclasses import dataclass, replace

import numpy as np

from edge.contract.arrays import Flags, Float32s, Float64s, Places
from train.bridges.localisation_metrics import ciou

SIZES = {
    "small": (0, 32**2),
    "medium": (32**2, 96**2),
    "large": (96**2, 144**2),
    "huge": (144**2, 10_000**2),
}
"""Classes of a truth's area, px of 224 x 224: from, and below."""
THRESHOLD = 0.5
_TOP = 0.25
"""Share of a map's places whose mean is its confidence."""
_MOST_THRESHOLDS, _F1_THRESHOLDS = 200, 10


@dataclass(frozen=True, kw_only=True)
class Judged:
    """Pictures as they are judged at a threshold, a row each."""

    cious: Float64s
    """Of the prediction; 0 without a box."""
    confidences: Float64s
    visible: Flags
    """True with a box."""
    areas: Float64s
    """Of the truth, px of 224 x 224."""

    def chosen(self, rows: Flags | Places) -> "Judged":
        """Some of them, by flags or by places."""
        return Judged(
            cious=self.cious[rows],
            confidences=self.confidences[rows],
            visible=self.visible[rows],
            areas=self.areas[rows],
        )

    def of_size(self, name: str) -> "Judged":
        """Those of a class of `SIZES`, all with a box."""
        low, high = SIZES[name]
        return self.chosen(self.visible & (low <= self.areas) & (self.areas < high))


def oracle(judged: Judged) -> Judged:
    """The same pictures by a model that is right of each, and surer of those with a box."""
    count = len(judged.cious)
    return replace(
        judged,
        cious=judged.visible.astype(np.float64),
        confidences=judged.visible + np.linspace(0.0, 0.5, count),
    )


def scaled(maps: Float32s, low: float, high: float) -> Float32s:
    """Maps from fixed bounds to 0..1; for logits of cosines they are -1 / tau and 1 / tau."""
    return (maps - np.float32(low)) / np.float32(high - low)


def confidences(maps: Float32s) -> Float64s:
    """Mean of the top quarter of each map: float32[n, h, w] -> float64[n]."""
    flat = np.sort(maps.reshape(len(maps), -1), axis=1)
    top = max(1, int(flat.shape[1] * _TOP))
    return np.asarray(flat[:, -top:].mean(axis=1), np.float64)


def judge(
    maps: Float32s, truths: Float32s, confidence: Float64s, threshold: float = THRESHOLD
) -> Judged:
    """Compare scaled maps with their truths.

    Args:
        maps: float32[n, 224, 224] in 0..1.
        truths: float32[n, 224, 224]; all 0: there is no box.
        confidence: float64[n].
        threshold: a pixel at or above is predicted.
    """
    areas = truths.sum(axis=(1, 2)).astype(np.float64)
    pairs = zip(maps >= threshold, truths, areas, strict=True)
    cious = [ciou(predicted, truth) if area else 0.0 for predicted, truth, area in pairs]
    return Judged(cious=np.array(cious), confidences=confidence, visible=areas > 0, areas=areas)


def precision_recall(judged: Judged, threshold: float) -> tuple[float, float]:
    """Precision and recall of those at or above a confidence; a right one has cIoU >= 0.5.

    A picture without a box that speaks, and a box that is missed by a map that speaks, are false
    positives; a box whose map is quiet is a false negative. Of nothing both are 1.
    """
    speaks = judged.confidences >= threshold
    right = np.count_nonzero(speaks & judged.visible & (judged.cious >= 0.5))
    wrong = np.count_nonzero(speaks) - right
    missed = np.count_nonzero(judged.visible & ~speaks)
    precision = right / (right + wrong) if right + wrong else 1.0
    return precision, right / (right + missed) if right + missed else 1.0


def average_precision(judged: Judged) -> float:
    """Area below the precision made monotone, over some 200 thresholds.

    The first threshold's recall is the area's left edge, as in the code: what lies left of it, at
    most one picture of every 200, is not counted.
    """
    skipped = max(1, len(judged.cious) // _MOST_THRESHOLDS)
    thresholds = np.sort(judged.confidences)[:-1][::-skipped]
    if not len(thresholds):
        return 0.0
    points = np.array([precision_recall(judged, threshold) for threshold in thresholds])
    best = np.maximum.accumulate(points[::-1, 0])[::-1]
    return float((best[:-1] * np.diff(points[:, 1])).sum())


def max_f1(judged: Judged) -> float:
    """Highest F1 over some ten thresholds, those of the code."""
    skipped = max(1, len(judged.cious) // _F1_THRESHOLDS)
    thresholds = np.sort(judged.confidences)[::skipped]
    points = [precision_recall(judged, threshold) for threshold in thresholds]
    return max((harmonic(*point) for point in points), default=0.0)


def harmonic(first: float, second: float) -> float:
    """Harmonic mean of two shares, 0 of two zeros."""
    return 2 * first * second / (first + second) if first + second else 0.0
