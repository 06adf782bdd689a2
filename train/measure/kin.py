"""Hierarchical accuracy: how near in the tree of life the first answer is."""

from collections.abc import Sequence

import numpy as np

from edge.contract.arrays import Float64s, Places
from edge.contract.taxonomy import Species
from train.measure.species_sets import SpeciesSets

KIN_RANKS = ("genus", "family", "order")


def rank_hits(
    best: Places, asked: SpeciesSets, held: SpeciesSets, species: Sequence[Species]
) -> dict[str, Float64s]:
    """Hits of the best answers, which are at least of the right genus, family, order.

    Args:
        best: int[queries], each query's best answer.
        asked: species of the queries.
        held: species of the answers.
        species: what the numbers are of.

    Returns:
        float64[queries] of 0 and 1 by rank; a rank that a species lacks is never right.
    """
    found = {}
    for rank in KIN_RANKS:
        names = np.array([getattr(bird, rank) for bird in species])
        hits = [
            not set(names[asked.at(query)]).isdisjoint({*names[held.at(answer)]} - {""})
            for query, answer in enumerate(best.tolist())
        ]
        found[rank] = np.array(hits, float)
    return found
