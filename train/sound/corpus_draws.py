"""Draws of several corpora: a corpus by its share, a species of it, a recording of that species."""

from collections.abc import Sequence

import torch
from torch import Tensor

from gallery.data.dataset import Item


def corpus_draws(
    items: Sequence[Item],
    labels: Sequence[int],
    species_weight: float,
    parts: Sequence[float] | None = None,
) -> tuple[Tensor | None, Tensor | None]:
    """Shares of the species and chances of the recordings, as `WindowSampler` takes them.

    With P(c) the share of a corpus, n its recordings of a species and P(s|c) the part of that
    species (n to the power of the weight, over their sum), a species is drawn with the sum over
    corpora of P(c) P(s|c), and a recording of it in proportion to P(c) P(s|c) / n.

    Args:
        items: of the corpora; a corpus of which none is readable leaves its share to the others.
        labels: species of each, below their number.
        species_weight: 0 draws the species of a corpus alike.
        parts: of a recording that each item is; None: all are whole.

    Returns:
        float64[species], float64[items]; without shares None, and the parts.
    """
    part = None if parts is None else torch.tensor(parts, dtype=torch.float64)
    if not any(item.share for item in items):
        return None, part
    part = torch.ones(len(items), dtype=torch.float64) if part is None else part
    asked = {item.corpus: item.share for item in items}
    place = {corpus: number for number, corpus in enumerate(asked)}
    corpus = torch.tensor([place[item.corpus] for item in items])
    label = torch.tensor(labels)
    counts = torch.zeros(len(asked), int(label.max()) + 1, dtype=torch.float64)
    counts.index_put_((corpus, label), part, accumulate=True)
    weights = torch.where(counts > 0, counts**species_weight, 0)
    share = torch.tensor(list(asked.values()), dtype=torch.float64)
    drawn = (share / share.sum())[:, None] * weights / weights.sum(dim=1, keepdim=True)
    return drawn.sum(dim=0), (drawn / counts)[corpus, label] * part
