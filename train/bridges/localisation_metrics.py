"""Consensus IoU at each map's own median: the usual protocol of localisation by sound, bounded.

As in the code of EZ-VSL, AVC-KD and the others (`Evaluator`): a map is brought to 224 x 224
(bilinear, `align_corners=True`), its upper half (`>=` its median) is the prediction, so that every
prediction covers half of the picture. Two bounds tell what that can measure: an oracle that knows
the boxes, and a disc in the middle that has neither seen nor heard anything.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch.nn import functional

from edge.contract.arrays import Flags, Float32s, Float64s

SIDE = 224
"""Pixels of a side on which everything is compared."""
_STEPS = 21
"""Thresholds of the area: 0, 0.05, ... 1."""

_ROUNDING = 1e-6
"""A pixel's edge that went through a share of the picture stays that pixel's."""

Box = tuple[float, float, float, float]
"""x1, y1, x2, y2 as shares of width and height."""


@dataclass(frozen=True)
class MedianFigures:
    """Figures of a set of pictures by the median protocol."""

    at_half: float
    """cIoU@0.5: share of pictures whose cIoU is at least 0.5."""
    auc: float
    """Area below the share of pictures by threshold (trapezoid, 21 thresholds)."""
    mean: float
    """Mean cIoU."""


def upsampled(maps: Float32s) -> Float32s:
    """Maps at the size they are judged at: float32[n, h, w] -> float32[n, 224, 224]."""
    wide = torch.from_numpy(np.asarray(maps, np.float32))[:, None]
    sized = functional.interpolate(wide, (SIDE, SIDE), mode="bilinear", align_corners=True)
    found: Float32s = sized[:, 0].numpy()
    return found


def truth_map(boxes: Sequence[Box]) -> Float32s:
    """Union of boxes, 0 or 1: float32[224, 224]. The first-box variant is `boxes[:1]`."""
    found = np.zeros((SIDE, SIDE), np.float32)
    for box in boxes:
        x1, y1, x2, y2 = (int(SIDE * min(max(edge, 0.0), 1.0) + _ROUNDING) for edge in box)
        found[y1:y2, x1:x2] = 1
    return found


def upper_half(scores: Float32s) -> Flags:
    """Pixels at or above the median, the element at half of the sorted ones."""
    flat = np.sort(scores, axis=None)
    return np.asarray(scores >= flat[int(flat.size * 0.5)])


def ciou(predicted: Flags, truth: Float32s) -> float:
    """Consensus IoU: sum(p g) / (sum(g) + sum(p where g is 0)), g in 0..1 (Senocak et al. 2018).

    Args:
        predicted: bool[224, 224].
        truth: float32[224, 224]; not all 0, or the prediction isn't empty.
    """
    outside = np.count_nonzero(predicted & (truth == 0))
    return float(truth[predicted].sum() / (truth.sum() + outside))


def area_under(values: Sequence[float]) -> float:
    """Trapezoid of the share of values at or above 0, 0.05, ... 1."""
    shares = [np.mean(np.asarray(values) >= 0.05 * step) for step in range(_STEPS)]
    return float(np.trapezoid(shares, dx=0.05))


def median_cious(maps: Float32s, truths: Sequence[Float32s]) -> Float64s:
    """Consensus IoU of each map by its own median.

    Args:
        maps: float32[n, 224, 224].
        truths: float32[224, 224] each.
    """
    both = zip(maps, truths, strict=True)
    return np.array([ciou(upper_half(scores), truth) for scores, truth in both])


def figures(cious: Float64s) -> MedianFigures:
    """Figures of a set, from the cIoU of each picture."""
    values = cious.tolist()
    return MedianFigures(float(np.mean(cious >= 0.5)), area_under(values), float(cious.mean()))


def oracle_cious(truths: Sequence[Float32s]) -> Float64s:
    """Consensus IoU of a map that is the truth: f / 0.5, or 0.5 / f, by the share f of the box.

    The upper half then is the box and as much beside it as half of the picture asks for.
    """
    return np.array([ciou(_half_of(truth), truth) for truth in truths])


def disc_cious(truths: Sequence[Float32s]) -> Float64s:
    """Consensus IoU of a disc of half the picture in its middle, blind and deaf."""
    middle = (np.arange(SIDE) - (SIDE - 1) / 2) ** 2
    disc = _half_of(-(middle[:, None] + middle[None, :]).astype(np.float32))
    return np.array([ciou(disc, truth) for truth in truths])


def _half_of(scores: Float32s) -> Flags:
    """Exactly half of all pixels, the highest; ties by their order."""
    order = np.argsort(-scores, axis=None, kind="stable")
    chosen = np.zeros(scores.size, bool)
    chosen[order[: scores.size // 2]] = True
    return chosen.reshape(scores.shape)
