"""The contrast of VIP-ANT (Zhao et al. 2022, arXiv 2112.08995): sounds and rows, both ways."""

import torch
from torch import Tensor
from torch.nn import functional

_NEVER = -1e9


def pivot_contrast(
    sounds: Tensor, rows: Tensor, scale: Tensor, near: Tensor | None = None
) -> Tensor:
    """Cross-entropy of each sound among all rows, and of each row among all sounds, summed.

    L = -mean_b log e_bb / sum_k e_bk - mean_b log e_bb / sum_k e_kb, e_bk = exp(s a_b . v_k): the
    sum of both, not their mean, as its CELossHead has it.

    Args:
        sounds: float32[batch, dim], unit rows, that learn.
        rows: float32[batch, dim], unit rows, frozen: a frame, a picture or a sentence of each.
        scale: inverse temperature s.
        near: bool[batch, batch], pairs that are no negatives; None: all others are.
    """
    logits = scale * sounds @ rows.T
    if near is not None:
        logits = logits.masked_fill(near, _NEVER)
    own = torch.arange(len(logits), device=logits.device)
    return functional.cross_entropy(logits, own) + functional.cross_entropy(logits.T, own)


def alike(labels: Tensor) -> Tensor:
    """bool[batch, batch], others of the same label; -1 is like nothing. labels: int64[batch]."""
    same = (labels[:, None] == labels) & (labels >= 0)
    return same & ~torch.eye(len(labels), dtype=torch.bool, device=labels.device)
