"""Nearness of species in the tree of life, and the share a label may lend its kin."""

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from edge.contract.arrays import Flags, Float64s, Places
from edge.contract.taxonomy import Species

KIN_RANKS = ("genus", "family", "order")
_SHARPNESS = 10.0
"""Beta of Bertinetto et al.: each rank shared more is worth exp(10 / 7), about four times."""


def distances(species: Sequence[Species]) -> Float64s:
    """Height of the lowest common ancestor, as a share of the tree's: 0 itself, 1 nothing shared.

    Returns:
        float64[species, species].
    """
    ranks = np.array([bird.ranks for bird in species])
    same = ranks[:, None] == ranks[None]
    shared = np.logical_and.accumulate(same, axis=2).sum(axis=2)
    height: Float64s = 1 - shared / ranks.shape[1]
    return height


def rank_hits(
    best: Places,
    asked: Flags,
    held: Flags,
    species: Sequence[Species],
) -> dict[str, Float64s]:
    """Hierarchical accuracy: whether the best answer is at least of the right genus, family, order.

    Args:
        best: int[queries], each query's best answer.
        asked: bool[queries, species].
        held: bool[answers, species].
        species: what the flags are of.

    Returns:
        float64[queries] of 0 and 1 by rank; a rank that a species lacks is never right.
    """
    found = {}
    for rank in KIN_RANKS:
        names = np.array([getattr(bird, rank) for bird in species])
        groups = ((names[:, None] == np.unique(names)[None]) & (names[:, None] != "")).astype(float)
        hits = ((asked @ groups > 0) & (held[best] @ groups > 0)).any(axis=1)
        found[rank] = hits.astype(float)
    return found


def hierarchical_targets(species: Sequence[Species], smoothing: float) -> Tensor:
    """Label smoothing over taxonomy: a wrong congener costs less than a wrong order.

    Row c keeps 1 - smoothing for c itself; the rest goes to the others in proportion to
    exp(-beta d(a, c)), the soft labels of Bertinetto et al. 2020 (arXiv 1912.09393, equation 4).

    Args:
        species: what the labels index.
        smoothing: what a label lends.

    Returns:
        float32[species, species]; rows sum to 1.
    """
    nearness = np.exp(-_SHARPNESS * distances(species))
    np.fill_diagonal(nearness, 0)
    lent = nearness / np.maximum(nearness.sum(axis=1, keepdims=True), 1e-12)
    targets = smoothing * lent
    np.fill_diagonal(targets, 1 - targets.sum(axis=1))
    return torch.from_numpy(targets).float()
