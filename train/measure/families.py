"""Confusion of families: counts, and a picture of them."""

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import numpy.typing as npt

from edge.contract.arrays import Places
from edge.contract.taxonomy import Taxonomy


def confusion(guesses: Iterable[Sequence[str]], taxonomy: Taxonomy) -> tuple[list[str], Places]:
    """Families by name, and int[families, families]: recordings of a row taken for a column.

    Args:
        guesses: true and guessed species ids.
        taxonomy: knows their families.
    """
    pairs = [(_family(true, taxonomy), _family(guess, taxonomy)) for true, guess in guesses]
    names = sorted({name for pair in pairs for name in pair})
    counts = np.zeros((len(names), len(names)), np.intp)
    for true, guess in pairs:
        counts[names.index(true), names.index(guess)] += 1
    return names, counts


def draw(names: Sequence[str], counts: npt.ArrayLike, file: Path | BinaryIO) -> None:
    """The counts as a picture: each row shaded by its share."""
    from matplotlib.figure import Figure

    side = 1.6 + 0.36 * len(names)
    figure = Figure(figsize=(side + 1, side), layout="constrained")
    axes: Any = figure.add_subplot()
    table = np.asarray(counts)
    shares = table / np.maximum(table.sum(axis=1, keepdims=True), 1)
    axes.imshow(shares, cmap="YlGnBu", vmin=0, vmax=1)
    axes.set_xticks(range(len(names)), names, rotation=60, ha="right")
    axes.set_yticks(range(len(names)), names)
    axes.set_xlabel("taken for")
    axes.set_ylabel("sang")
    for (row, column), count in np.ndenumerate(table):
        if count:
            shade = "white" if shares[row, column] > 0.6 else "black"
            axes.text(column, row, count, ha="center", va="center", color=shade)
    figure.savefig(file, format="png", dpi=110)


def _family(species_id: str, taxonomy: Taxonomy) -> str:
    return taxonomy.by_id()[species_id].family
