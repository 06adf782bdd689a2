"""Nearness of species in the tree of life, and the share a label may lend its kin."""

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from edge.contract.arrays import Float64s
from edge.contract.taxonomy import Species

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
