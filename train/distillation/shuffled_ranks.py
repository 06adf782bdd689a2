"""Taxonomy whose higher ranks are permuted among species: the control of what they are worth."""

from dataclasses import replace

import numpy as np

from edge.contract.taxonomy import Species, Taxonomy

SHUFFLED = ("kingdom", "phylum", "class_", "order", "family")
"""Ranks that move together; genus and epithet are the scientific name, which a species keeps."""


def shuffled_ranks(taxonomy: Taxonomy, seed: int) -> Taxonomy:
    """The same species in the same order, each with the higher ranks of another, in one circle.

    After the ablation of AnimalCLAP (Shinoda et al. 2026, arXiv 2603.22053), whose own permutation
    is not public to us. Names stay, and how many species share a family; which ones is chance.
    What a student learns less from such sentences is what the ranks had told it.

    Args:
        taxonomy: of the data set.
        seed: of the permutation.
    """
    circle = np.random.default_rng(seed).permutation(len(taxonomy))
    source = dict(zip(circle, np.roll(circle, 1), strict=True))
    birds = taxonomy.species
    moved = tuple(_ranked(bird, birds[source[n]]) for n, bird in enumerate(birds))
    return replace(taxonomy, species=moved)


def _ranked(bird: Species, source: Species) -> Species:
    return replace(bird, **{rank: getattr(source, rank) for rank in SHUFFLED})
