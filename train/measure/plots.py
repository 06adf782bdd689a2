"""Pictures of an evaluation: who is taken for whom, what is how similar, and where things lie."""

import io
from collections.abc import Sequence
from typing import Any

import numpy as np

from edge.contract.arrays import Embeddings, Flags, Float64s, Places
from edge.contract.taxonomy import Taxonomy
from train.measure.baselines import unit
from train.measure.families import confusion, draw
from train.measure.figures import Asked
from train.measure.protocol import Protocol
from train.measure.retrieval import PooledEmbeddings
from train.measure.task import Task

_DPI = 110
_MOST = 4000
"""Points of a kind in a scatter plot."""
_PAIRS = 4_000_000
"""Similarities in a histogram."""
_COLOURS = 10
_BINS = 60


def families(asked: Asked, protocol: Protocol) -> bytes:
    """Recordings by family, and what they were taken for, as PNG."""
    species, task = protocol.texts.species, asked.task
    true, best = task.asked.first, task.held.first[asked.ranking.best]
    pairs = zip(true[true >= 0], best[true >= 0], strict=True)
    guesses = [(species[heard].species_id, species[guess].species_id) for heard, guess in pairs]
    file = io.BytesIO()
    draw(*confusion(guesses, Taxonomy(species)), file)
    return file.getvalue()


def similarities(tasks: Sequence[Task]) -> bytes:
    """Histograms of similarity, a task each, as PNG: pairs that belong together, and others."""
    figure, axes = _axes(len(tasks))
    for task, axis in zip(tasks, axes, strict=True):
        values, right = _pairs(task)
        span = (float(values.min()), float(values.max()))
        for flags, name in ((~right, "another species"), (right, "the same species")):
            chosen = values[flags]
            axis.hist(
                chosen, _BINS, range=span, density=True, alpha=0.6, label=f"{name} ({chosen.size})"
            )
        axis.set_title(task.name)
        axis.set_xlabel("cosine")
        axis.legend()
    return _png(figure)


def _pairs(task: Task) -> tuple[Embeddings, Flags]:
    """Similarities of queries with all answers, and which are right: of all, or a part of them."""
    most = max(1, min(_MOST, _PAIRS // max(len(task.held), 1)))
    queries = range(0, len(task.asked), max(1, -(-len(task.asked) // most)))
    values = np.concatenate([task.score(slice(query, query + 1)) for query in queries])
    right = np.zeros(values.shape, bool)
    for row, query in zip(right, queries, strict=True):
        row[task.relevant(query)] = True
    return values, right


def spaces(embedded: PooledEmbeddings, protocol: Protocol) -> bytes:
    """Sounds, pictures and names along the two main axes of them all (PCA), as PNG."""
    pictures = list(protocol.galleries.values())
    shown = (
        np.concatenate([gallery.rows for gallery in pictures]) if pictures else embedded.windows[:0]
    )
    firsts = [protocol.shown(gallery).first for gallery in pictures]
    pictured = np.concatenate(firsts) if firsts else np.zeros(0, np.intp)
    names = np.arange(len(protocol.ids))
    kinds = [
        ("sounds", *_thinned(_mean(embedded), protocol.sung.first), "o"),
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
        shade = orders[of]
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


def _thinned(rows: Embeddings, of: Places) -> tuple[Embeddings, Places]:
    """Those of some species, -1 for none; at most so many."""
    known = np.flatnonzero(of >= 0)
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
