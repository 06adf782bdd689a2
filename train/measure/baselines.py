"""Baselines of distillation: chains and maps between the two text spaces."""

from collections.abc import Callable

import numpy as np
import torch
from torch import nn
from torch.nn import functional

from edge.contract.arrays import Embeddings


def zero_shot_chain(audio: Embeddings, texts: Embeddings, anchors: Embeddings) -> Embeddings:
    """Audio -> the student's own text space -> best species -> the teacher's anchor.

    Args:
        audio: float32[n, student_dim], unit rows of the CLAP model.
        texts: float32[species, student_dim], its own text embeddings.
        anchors: float32[species, dim] of the teacher.

    Returns:
        float32[n, dim], each the anchor of the nearest species.
    """
    chosen: Embeddings = anchors[(audio @ texts.T).argmax(axis=1)]
    return chosen


def soft_zero_shot_chain(
    audio: Embeddings, texts: Embeddings, anchors: Embeddings, scale: float
) -> Embeddings:
    """The chain of every species at once: anchors weighted by the belief in each.

    sum_k softmax_k(s a.t) of the teacher's anchor of k, unit length: ConSE's convex combination
    (Norouzi et al. 2014, arXiv 1312.5650, equation 3) over all names. Arguments as
    `zero_shot_chain`, and the CLAP's own inverse temperature s.
    """
    logits = scale * audio @ texts.T
    weights = np.exp(logits - logits.max(axis=1, keepdims=True))
    return unit((weights / weights.sum(axis=1, keepdims=True)) @ anchors)


def ridge_map(texts: Embeddings, anchors: Embeddings, strength: float = 1e-2) -> Embeddings:
    """Linear map W from the student's text space to the teacher's: min |TW - A|^2 + s|W|^2.

    Args:
        texts: float32[n, student_dim].
        anchors: float32[n, dim].
        strength: s, relative to the mean of the Gram matrix's diagonal.

    Returns:
        float32[student_dim, dim].
    """
    gram = texts.T @ texts
    penalty: Embeddings = (
        strength * np.trace(gram) / len(gram) * np.eye(len(gram), dtype=np.float32)
    )
    solved: Embeddings = np.linalg.solve(gram + penalty, texts.T @ anchors).astype(np.float32)
    return solved


def unit(rows: Embeddings) -> Embeddings:
    """Rows scaled to length one."""
    scaled: Embeddings = rows / np.linalg.norm(rows, axis=1, keepdims=True)
    return scaled


def mlp_map(
    texts: Embeddings, anchors: Embeddings, hidden: int = 512, steps: int = 500, seed: int = 0
) -> Callable[[Embeddings], Embeddings]:
    """Two layers from the student's text space to the teacher's, trained on 1 - cosine.

    Args:
        texts: float32[n, student_dim].
        anchors: float32[n, dim], unit rows.
        hidden: width.
        steps: of AdamW over all rows at once.
        seed: of the weights.

    Returns:
        float32[m, student_dim] -> float32[m, dim], unit rows.
    """
    torch.manual_seed(seed)
    layers = (nn.Linear(texts.shape[1], hidden), nn.GELU(), nn.Linear(hidden, anchors.shape[1]))
    network = nn.Sequential(*layers)
    inputs, targets = torch.from_numpy(texts), torch.from_numpy(anchors)
    optimizer = torch.optim.AdamW(network.parameters(), lr=2e-3, weight_decay=0.01)
    for _ in range(steps):
        loss = 1 - functional.cosine_similarity(network(inputs), targets).mean()
        optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()

    @torch.inference_mode()
    def mapped(rows: Embeddings) -> Embeddings:
        return unit(network(torch.from_numpy(rows)).numpy())

    return mapped
