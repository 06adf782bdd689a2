"""Ten nearest rows of a large gallery: by prototypes, by sign bits, and by both; and how soon.

python scripts/bench/nearest_rows.py [--species 10000] [--pictures 10] [--looks 1] [--queries 64]

A gallery is drawn with the packaged bundle's covariances, between and within species; of two looks
a species has half of its pictures each (cock and hen). Queries are drawn like pictures, with more
noise. The exact search is one product with all rows in float32; its time is 1. "search" is what a
window costs beside its encoder: every species scored, by whatever finds the nearest; its recall is
of species that it looks at. One thread (OMP_NUM_THREADS=1).
"""

import argparse
import os
import statistics
import time
from collections.abc import Callable

import numpy as np

from edge.config import PACKAGED_BUNDLE
from edge.contract.arrays import Float32s, Places
from edge.contract.bundle import load_bundle
from edge.contract.gallery import Gallery, GalleryRow
from edge.recognition.rows import Rows
from edge.recognition.search import Search
from edge.recognition.shortlist import Shortlist
from edge.recognition.sign_index import SignIndex
from edge.system.machine import processor

_NEAREST, _MANY, _TOP = 10, 6, 3
_NOISE, _APART = 1.3, 0.7
"""Deviation of queries over that of pictures; of the looks of a species over that of species."""


class Drawn:
    """Rows that lie like those of the packaged bundle's gallery."""

    def __init__(self, species: int, pictures: int, looks: int, queries: int) -> None:
        self._random = np.random.default_rng(0)
        gallery = load_bundle(PACKAGED_BUNDLE).gallery
        rows = gallery.rows.astype(np.float32)
        means = np.stack([rows[own].mean(axis=0) for own in gallery.members.values()])
        many = [rows[own] for own in gallery.members.values() if len(own) >= _MANY]
        off = np.concatenate([part - part.mean(axis=0) for part in many])
        between, within = np.cov(means.T), off.T @ off / (len(off) - len(many))
        centres = means.mean(axis=0) + self._spread(between, species)
        seen = np.repeat(centres[:, None], looks, axis=1)
        if looks > 1:
            apart = self._spread(between, species * looks).reshape(seen.shape)
            seen += _APART * apart
        of_picture = seen[:, np.arange(pictures) % looks].reshape(species * pictures, -1)
        of_picture += self._spread(within, len(of_picture))
        self.rows = _unit(of_picture)
        asked = self._random.integers(0, species, queries)
        noise = _NOISE * self._spread(within, queries)
        self.queries = _unit(seen[asked, 0] + noise)

    def _spread(self, covariance: Float32s, count: int) -> Float32s:
        variance, axes = np.linalg.eigh(covariance.astype(np.float64))
        scale = (np.sqrt(np.maximum(variance, 0)) * axes).astype(np.float32)
        drawn = self._random.standard_normal((count, len(axes)), np.float32)
        return drawn @ scale.T


def _unit(rows: Float32s) -> Float32s:
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    return rows.astype(np.float32)


def best(rows: Rows, places: Places, query: Float32s) -> Places:
    """The nearest of some rows."""
    cosine = rows.wide(places) @ query
    return places[np.argpartition(-cosine, _NEAREST - 1)[:_NEAREST]]


def measured(
    search: Callable[[Float32s], Places], queries: Float32s, exact: list[Places]
) -> tuple[float, float]:
    """Recall, and the median time of a query in ms."""
    found, times = [], []
    for query in queries:
        begun = time.perf_counter()
        found.append(search(query))
        times.append(1000 * (time.perf_counter() - begun))
    pairs = zip(exact, found, strict=True)
    recall = statistics.mean(len(np.intersect1d(*pair)) / _NEAREST for pair in pairs)
    return recall, statistics.median(times)


def main() -> None:
    """Run the command."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--species", type=int, default=10_000)
    parser.add_argument("--pictures", type=int, default=10)
    parser.add_argument("--looks", type=int, default=1)
    parser.add_argument("--queries", type=int, default=64)
    args = parser.parse_args()
    drawn = Drawn(args.species, args.pictures, args.looks, args.queries)
    names = [f"s{n}" for n in range(args.species)]
    shared = [GalleryRow(name, "", "", "", "") for name in names]
    table = tuple(row for row in shared for _ in range(args.pictures))
    gallery = Gallery(drawn.rows.astype(np.float16), table)
    rows, search = Rows(gallery, names, {}), Search(gallery, names, _TOP)
    mean, deviation = np.zeros(len(rows), np.float32), np.ones(len(rows), np.float32)
    prototypes, signs = Shortlist(rows, mean, deviation), SignIndex(rows)

    def product(query: Float32s) -> Places:
        return np.argpartition(-(drawn.rows @ query), _NEAREST - 1)[:_NEAREST]

    def of_prototypes(query: Float32s) -> Places:
        species = prototypes.best(prototypes.scores(query[None])[0])
        return np.concatenate([rows.groups.places(number) for number in species])

    def looked_at(query: Float32s) -> Places:
        scored = np.flatnonzero(search.scores(query[None]).similarity[0] > -1)
        return np.concatenate([rows.groups.places(number) for number in scored])

    def of_signs(query: Float32s) -> Places:
        return signs.nearest(query, mean, deviation)[0]

    exact = [product(query) for query in drawn.queries]
    _, product_ms = measured(product, drawn.queries, exact)
    print(
        f"{processor()}, {os.cpu_count()} cores; {len(rows):,} rows, {args.looks} looks a species"
    )
    print("| search | recall@10 | ms | of the product |\n|---|---|---|---|")
    for name, way in {
        "float32 product": product,
        "prototypes": lambda query: best(rows, of_prototypes(query), query),
        "sign bits": lambda query: of_signs(query)[:_NEAREST],
        "both": lambda query: best(rows, np.union1d(of_prototypes(query), of_signs(query)), query),
        "search": looked_at,
    }.items():
        recall, took_ms = measured(way, drawn.queries, exact)
        print(f"| {name} | {recall:.3f} | {took_ms:.1f} | {took_ms / product_ms:.2f} |")
    row_bytes = drawn.rows.shape[1]
    print(f"bytes a row: float32 {4 * row_bytes}, float16 {2 * row_bytes}, signs {row_bytes // 8}")


if __name__ == "__main__":
    main()
