"""Pictures of an evaluation: who is taken for whom, what is how similar, and where things lie."""

import io
from collections.abc import Sequence
from typing import Any

import numpy as np

from edge.contract.arrays import Embeddings, Flags, Float64s, Places
from edge.contract.taxonomy import Taxonomy
from train.measure.baselines import unit
from train.measure.families import confusion, draw
from train.measure.protocol import Protocol, Task
from train.measure.retrieval import PooledEmbeddings

_DPI = 110
_MOST = 4000
"""Points of a kind in a scatter plot."""
_COLOURS = 10
_BINS = 60


def families(task: Task, protocol: Protocol) -> bytes:
    """Recordings by family, and what they were taken for, as PNG."""
    species = protocol.texts.species
    best = task.held[task.similarity.argmax(axis=1)].argmax(axis=1)
    asked = task.asked.any(axis=1)
    pairs = zip(task.asked.argmax(axis=1)[asked], best[asked], strict=True)
    guesses = [(species[true].species_id, species[guess].species_id) for true, guess in pairs]
    file = io.BytesIO()
    draw(*confusion(guesses, Taxonomy(species)), file)
    return file.getvalue()


def similarities(tasks: Sequence[Task]) -> bytes:
    """Histograms of similarity, a task each, as PNG: pairs that belong together, and others."""
    figure, axes = _axes(len(tasks))
    for task, axis in zip(tasks, axes, strict=True):
        right = task.relevant
        span = (float(task.similarity.min()), float(task.similarity.max()))
        for flags, name in ((~right, "another species"), (right, "the same species")):
            values = task.similarity[flags]
            axis.hist(
                values, _BINS, range=span, density=True, alpha=0.6, label=f"{name} ({values.size})"
            )
        axis.set_title(task.name)
        axis.set_xlabel("cosine")
        axis.legend()
    return _png(figure)


def spaces(embedded: PooledEmbeddings, protocol: Protocol) -> bytes:
    """Sounds, pictures and names along the two main axes of them all (PCA), as PNG."""
    pictures = list(protocol.galleries.values())
    shown = (
        np.concatenate([gallery.rows for gallery in pictures]) if pictures else embedded.windows[:0]
    )
    flags = [protocol.flags(gallery.species) for gallery in pictures]
    pictured = np.concatenate(flags) if flags else np.zeros((0, len(protocol.texts.species)), bool)
    names = np.eye(len(protocol.texts.species), dtype=bool)
    kinds = [
        ("sounds", *_thinned(_mean(embedded), protocol.sung), "o"),
        ("pictures", *_thinned(shown, pictured), "^"),
        ("names", protocol.texts.anchors, names, "*"),
    ]
    places = _principal(np.concatenate([rows for _, rows, _, _ in kinds]))
    orders, main = _orders(protocol)
    figure, (axis,) = _axes(1)
    begin = 0
    for name, rows, of, mark in kinds:
        part = places[begin : begin + len(rows)]
        begin += len(rows)
        shade = orders[of.argmax(axis=1)]
        size = 120 if mark == "*" else 14
        axis.scatter(
            *part.T, s=size, c=shade, marker=mark, cmap="tab10", vmin=0, vmax=_COLOURS, alpha=0.7
        )
        axis.scatter([], [], c="grey", marker=mark, label=name)
    for n, order in enumerate(main):
        axis.scatter([], [], color=f"C{n}", label=order)
    axis.legend(loc="center left", bbox_to_anchor=(1, 0.5))
    return _png(figure)


def _orders(protocol: Protocol) -> tuple[Places, list[str]]:
    """A number an order for every species, and the orders with most species by name."""
    names = [species.order for species in protocol.texts.species]
    main = sorted(set(names), key=lambda name: (-names.count(name), name))[: _COLOURS - 1]
    numbers = [main.index(name) if name in main else _COLOURS for name in names]
    return np.array(numbers), main


def _mean(embedded: PooledEmbeddings) -> Embeddings:
    """float32[recordings, dim]: the mean over each recording's windows."""
    return unit(np.add.reduceat(embedded.windows, embedded.starts, axis=0))


def _principal(rows: Embeddings) -> Float64s:
    centred = rows - rows.mean(axis=0)
    axes = np.linalg.svd(centred.T @ centred)[0][:, :2]
    places: Float64s = centred @ axes
    return places


def _thinned(rows: Embeddings, of: Flags) -> tuple[Embeddings, Any]:
    """Those of some species; at most so many."""
    known = np.flatnonzero(of.any(axis=1))
    kept = known[:: -(-len(known) // _MOST) or 1]
    return rows[kept], of[kept]


def _axes(count: int) -> tuple[Any, Any]:
    from matplotlib.figure import Figure

    figure = Figure(figsize=(6 * count if count > 1 else 8, 4.5), layout="constrained")
    return figure, figure.subplots(1, count, squeeze=False)[0]


def _png(figure: Any) -> bytes:
    file = io.BytesIO()
    figure.savefig(file, format="png", dpi=_DPI)
    return file.getvalue()
