"""A page of maps to look at: frame, box of the truth, and which part the sound is like."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from edge.contract.arrays import Float32s
from train.bridges.localisation_metrics import Box, upsampled

_COLUMNS, _DPI, _INCHES = 4, 100, 2.4
_SEEN = 0.55
"""How much of the map covers the frame."""


@dataclass(frozen=True, kw_only=True)
class MapExample:
    """One frame with its map."""

    picture: Float32s
    """float32[3, side, side], any range."""
    boxes: tuple[Box, ...]
    """Of the truth, shares of the picture; none: the singer is off-screen."""
    scores: Float32s
    """float32[h, w], cosines."""
    title: str


def draw_maps(examples: Sequence[MapExample], file: Path, threshold: float) -> Path:
    """Draw frames in pairs, plain with the truth and under their map.

    Args:
        examples: at least one.
        file: PNG.
        threshold: cosine that a white line is drawn at.

    Returns:
        The file.
    """
    from matplotlib.figure import Figure

    rows = -(-len(examples) // (_COLUMNS // 2))
    figure = Figure((_COLUMNS * _INCHES, rows * _INCHES), layout="constrained")
    axes = figure.subplots(rows, _COLUMNS, squeeze=False).reshape(-1)
    for axis in axes:
        axis.axis("off")
    low = min(float(example.scores.min()) for example in examples)
    high = max(float(example.scores.max()) for example in examples)
    for n, example in enumerate(examples):
        _draw_truth(axes[2 * n], example)
        drawn = _draw_map(axes[2 * n + 1], example, (low, high), threshold)
    figure.colorbar(drawn, ax=axes.tolist(), shrink=0.5, label="cosine of place and sound")
    file.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(file, dpi=_DPI, format="png")
    return file


def _draw_truth(axis: Any, example: MapExample) -> None:
    from matplotlib.patches import Rectangle

    axis.imshow(_shown(example.picture), extent=(0, 1, 1, 0))
    for x1, y1, x2, y2 in example.boxes:
        axis.add_patch(Rectangle((x1, y1), x2 - x1, y2 - y1, fill=False, color="white", lw=1.5))
    axis.set_title(example.title if example.boxes else f"{example.title}, off-screen", size=7)


def _draw_map(axis: Any, example: MapExample, span: tuple[float, float], threshold: float) -> Any:
    """The map over its frame, with the line of the threshold."""
    scores = upsampled(example.scores[None])[0]
    axis.imshow(_shown(example.picture), extent=(0, 1, 1, 0))
    low, high = span
    drawn = axis.imshow(scores, extent=(0, 1, 1, 0), alpha=_SEEN, vmin=low, vmax=high)
    if scores.min() < threshold < scores.max():
        axis.contour(scores, [threshold], extent=(0, 1, 0, 1), colors="white", linewidths=0.8)
    axis.set_title(f"{scores.min():.2f} to {scores.max():.2f}", size=7)
    return drawn


def _shown(picture: Float32s) -> Float32s:
    """A prepared picture as one to look at: float32[side, side, 3] in 0..1."""
    low, high = float(picture.min()), float(picture.max())
    shown: Float32s = np.moveaxis((picture - low) / max(high - low, 1e-6), 0, 2)
    return shown
