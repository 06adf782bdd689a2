"""Cached contrastive batches: as many windows as one compares, in the memory of a few."""

from collections.abc import Callable

import torch
from torch import Tensor
from torch.utils.checkpoint import checkpoint


def cached(features: Callable[[Tensor], Tensor], windows: Tensor, at_once: int) -> Tensor:
    """Features of a batch, of which a part at a time is kept for the backward pass.

    GradCache (Gao et al. 2021, arXiv 2101.06983): all embeddings are computed without a graph, the
    loss gives the gradient of each, and each part is computed again with its graph, to pass that
    on. The gradient is that of the whole batch, but for statistics that a part has of its own:
    BatchNorm that learns, as a CNN's does.

    Args:
        features: float32[n, 1, frames, mel_bins] -> float32[n, hidden].
        windows: float32[batch, 1, frames, mel_bins].
        at_once: windows of a part; 0: all.

    Returns:
        float32[batch, hidden].
    """
    if not 0 < at_once < len(windows):
        return features(windows)
    parts = torch.split(windows, at_once)
    return torch.cat([checkpoint(features, part, use_reentrant=False) for part in parts])


def in_parts(embed: Callable[[Tensor], Tensor], windows: Tensor, at_once: int) -> Tensor:
    """Embeddings that need no gradient, of a part of a batch at a time; shapes as `cached`."""
    return torch.cat([embed(part) for part in torch.split(windows, at_once or len(windows))])
