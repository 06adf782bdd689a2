"""Tables of a localisation: each protocol's figures, and the gain over another model."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

import numpy as np

from edge.contract.arrays import Float32s, Float64s, Places
from train.bridges.fixed_threshold import (
    SIZES,
    Judged,
    average_precision,
    confidences,
    harmonic,
    judge,
    max_f1,
    oracle,
    scaled,
)
from train.bridges.localisation_metrics import (
    area_under,
    disc_cious,
    figures,
    median_cious,
    oracle_cious,
    upsampled,
)
from train.bridges.moments import OFF_SCREEN
from train.bridges.negative_audio import lit_area, lit_shares, map_ious

_RESAMPLES = 300


def median_table(maps: Float32s, truths: Mapping[str, Sequence[Float32s]]) -> dict[str, Any]:
    """The median protocol, with an oracle's and a blind disc's figures beside.

    Args:
        maps: float32[n, 224, 224] of pictures with a box.
        truths: float32[224, 224] each, by the way in which boxes become one.
    """
    table: dict[str, Any] = {}
    for name, truth in truths.items():
        found = {
            "model": median_cious(maps, truth),
            "oracle": oracle_cious(truth),
            "disc": disc_cious(truth),
        }
        table[name] = {kind: asdict(figures(cious)) for kind, cious in found.items()}
        oracle = table[name]["oracle"]["at_half"]
        share = table[name]["model"]["at_half"] / oracle if oracle else float("nan")
        table[name]["share_of_oracle"] = share
    return table


def fixed_table(judged: Judged) -> dict[str, Any]:
    """Average precision and F1 of all, an oracle's beside, and average precision by size."""
    by_size = {name: judged.of_size(name) for name in SIZES}
    best = oracle(judged)
    return {
        "AP": average_precision(judged),
        "AP_oracle": average_precision(best),
        "max_F1": max_f1(judged),
        "max_F1_oracle": max_f1(best),
        "cIoU@0.5": float((judged.cious[judged.visible] >= 0.5).mean()),
        "AUC": area_under(judged.cious[judged.visible].tolist()),
        "AP_by_size": {
            name: average_precision(few) for name, few in by_size.items() if few.cious.size
        },
    }


def judged_at(maps: Float32s, truth: Float32s, threshold: float) -> Judged:
    """Maps in cosines, judged with a cosine as their threshold."""
    wide = scaled(maps, -1, 1)
    return judge(
        wide,
        truths=truth,
        confidence=confidences(wide),
        threshold=(threshold + 1) / 2,
    )


def negative_table(
    negative: Mapping[str, Float32s], own: Float32s, threshold: float, area: float
) -> dict[str, Any]:
    """Maps of negative audio at a threshold.

    Args:
        negative: cosines by kind, float32[n, h, w].
        own: of the same frames' own sound, off-screen singers' apart.
        threshold: a cosine.
        area: of the cIoU of positive audio at that threshold, for the harmonic mean.
    """
    table: dict[str, Any] = {}
    lit = upsampled(own) > threshold
    for kind, cosines in negative.items():
        wide = upsampled(cosines)
        shares = lit_shares(wide, threshold)
        table[kind] = {
            "pIA": float(shares.mean()),
            "AUC_pIA": lit_area(shares),
            "F": harmonic(area, lit_area(shares)),
        }
        if kind != OFF_SCREEN:
            table[kind]["IoU_with_positive"] = float(map_ious(lit, wide > threshold).mean())
    return table


def paired_gain(
    first: tuple[Judged, Float64s], second: tuple[Judged, Float64s], clips: Sequence[int]
) -> dict[str, dict[str, float]]:
    """A model's gain over another on the same moments, with 95 % intervals by resampled clips.

    Args:
        first: the model's judged moments, and its cIoU by the median of those with a box, 0 of
            the others.
        second: the other's.
        clips: of each moment.
    """
    owner = np.asarray(clips)
    rows_of = [np.flatnonzero(owner == clip) for clip in np.unique(owner)]
    random = np.random.default_rng(0)
    gains: dict[str, list[float]] = {"AP": [], "cIoU@0.5": []}

    def add(rows: Places) -> None:
        mine, others = first[0].chosen(rows), second[0].chosen(rows)
        gains["AP"].append(average_precision(mine) - average_precision(others))
        better = (first[1][rows] >= 0.5).astype(float) - (second[1][rows] >= 0.5)
        gains["cIoU@0.5"].append(float(better[mine.visible].mean()))

    add(np.arange(len(owner)))
    for _ in range(_RESAMPLES):
        drawn = random.integers(len(rows_of), size=len(rows_of))
        add(np.concatenate([rows_of[clip] for clip in drawn]))
    return {name: _interval(values) for name, values in gains.items()}


def _interval(values: Sequence[float]) -> dict[str, float]:
    """The first value, and the middle 95 % of the others."""
    low, high = np.quantile(values[1:], (0.025, 0.975))
    return {"mean": values[0], "low": float(low), "high": float(high)}
