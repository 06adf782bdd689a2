"""Pictures of the report: retrieval with its intervals, and the curve over audio-text pairs."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from train.measure.figures import Row

_DPI, _WIDTH, _ROW = 110, 4.2, 0.5


def draw_tasks(rows: Sequence[Row], tasks: Sequence[str], file: Path) -> Path:
    """R@1 of every run with its interval, a panel a task, and the chance as a line.

    Args:
        rows: of one thing that was asked about; of seen and unseen species, or of all.
        tasks: of the panels.
        file: PNG.
    """
    from matplotlib.figure import Figure

    runs = list(dict.fromkeys(row["method"] for row in rows))
    figure = Figure((_WIDTH * len(tasks), 1.6 + _ROW * len(runs)), layout="constrained")
    panels = figure.subplots(1, len(tasks), sharey=True, squeeze=False)[0]
    groups = [name for name in ("seen", "unseen") if any(row["species"] == name for row in rows)]
    for axis, task in zip(panels, tasks, strict=True):
        for n, group in enumerate(groups or ["all"]):
            own = [row for row in rows if (row["task"], row["species"]) == (task, group)]
            _draw_group(axis, own, runs, shift=0.22 * n, colour=f"C{n}", label=group)
        axis.set_title(task)
        axis.set_xlabel("R@1")
        axis.set_xlim(0, 1)
    panels[0].set_yticks(range(len(runs)), runs)
    panels[0].invert_yaxis()
    handles, names = panels[0].get_legend_handles_labels()
    figure.legend(handles, names, loc="outside lower center", ncols=len(names), title="species")
    return _saved(figure, file)


def draw_curve(points: Sequence[Mapping[str, Any]], file: Path) -> Path:
    """R@1 of sounds among names over the pairs that were learned from, with intervals."""
    from matplotlib.figure import Figure

    figure = Figure((6, 4), layout="constrained")
    axis = figure.subplots()
    for n, group in enumerate(dict.fromkeys(point["species"] for point in points)):
        own = [point for point in points if point["species"] == group]
        pairs = [point["pairs"] for point in own]
        low, mean, high = _bounds([point["R@1"] for point in own])
        axis.plot(pairs, mean, marker="o", color=f"C{n}", label=group)
        axis.fill_between(pairs, low, high, color=f"C{n}", alpha=0.2)
        axis.axhline(own[0]["chance"], color=f"C{n}", linestyle=":", linewidth=1)
    axis.set_xscale("symlog", linthresh=10)
    axis.set_xlabel("audio-text pairs")
    axis.set_ylabel("R@1, sounds among names (dotted: chance)")
    axis.set_ylim(0, 1)
    axis.legend(title="species")
    return _saved(figure, file)


def _draw_group(
    axis: Any, rows: Sequence[Row], runs: Sequence[str], *, shift: float, colour: str, label: str
) -> None:
    if not rows:
        return
    low, mean, high = _bounds([row["R@1"] for row in rows])
    places = [runs.index(row["method"]) + shift for row in rows]
    reach = np.stack([mean - low, high - mean])
    axis.errorbar(mean, places, xerr=reach, fmt="o", color=colour, label=label, capsize=2)
    axis.axvline(rows[0]["chance"], color=colour, linestyle=":", linewidth=1)


def _bounds(figures: Sequence[Mapping[str, float]]) -> tuple[Any, Any, Any]:
    """Low, mean and high of some intervals, float64[n] each."""
    low, mean, high = (
        np.array([figure[name] for figure in figures]) for name in ("low", "mean", "high")
    )
    return low, mean, high


def _saved(figure: Any, file: Path) -> Path:
    file.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(file, format="png", dpi=_DPI)
    return file
