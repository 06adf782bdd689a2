"""The objectives that pull a sound towards its species' text."""

import torch
from torch import Tensor
from torch.nn import functional


def anchor_softmax(
    embedding: Tensor, anchors: Tensor, labels: Tensor, scale: Tensor, smoothing: float = 0.0
) -> Tensor:
    """Cross-entropy over the bank of all species' anchors.

    L = -log exp(s a.t_y) / sum_k exp(s a.t_k): like InfoNCE with every species as a negative
    once, so that two clips of one species in a batch don't push each other away.

    Args:
        embedding: float32[batch, dim], unit rows.
        anchors: float32[species, dim], unit rows, frozen.
        labels: int64[batch] species indices.
        scale: inverse temperature s.
        smoothing: label smoothing.
    """
    return functional.cross_entropy(
        scale * embedding @ anchors.T, labels, label_smoothing=smoothing
    )


def hierarchical_softmax(
    embedding: Tensor, anchors: Tensor, labels: Tensor, scale: Tensor, targets: Tensor
) -> Tensor:
    """`anchor_softmax` whose labels lend to their kin instead of to all alike.

    L = -sum_k q_yk log softmax_k(s a.t), with q from
    `train.distillation.taxonomic_distance.hierarchical_targets`.

    Args:
        embedding: float32[batch, dim], unit rows.
        anchors: float32[species, dim], unit rows, frozen.
        labels: int64[batch] species indices.
        scale: inverse temperature s.
        targets: float32[species, species], row y is q_y.
    """
    return functional.cross_entropy(scale * embedding @ anchors.T, targets[labels])


def soft_anchor_softmax(
    embedding: Tensor, anchors: Tensor, beliefs: Tensor, scale: Tensor
) -> Tensor:
    """`anchor_softmax` whose target is another network's belief: soft text distillation.

    L = -sum_k q_k log softmax_k(s a.t) - H(q), the divergence of Hinton et al. 2015 (arXiv
    1503.02531) between names, of which the student knows only their texts. It needs no label.

    Args:
        embedding: float32[batch, dim], unit rows.
        anchors: float32[species, dim], unit rows, frozen.
        beliefs: float32[batch, species], rows q sum to 1.
        scale: inverse temperature s.
    """
    found = functional.log_softmax(scale * embedding @ anchors.T, dim=1)
    return functional.kl_div(found, beliefs, reduction="batchmean")


def multi_label_softmax(
    embedding: Tensor, anchors: Tensor, shares: Tensor, scale: Tensor, smoothing: float = 0.0
) -> Tensor:
    """`anchor_softmax` of windows in which several species sing, each an equal share.

    L = -sum_k q_k log softmax_k(s a.t), q_k = 1 / n for each of the n species in a window (Mahajan
    et al. 2018, arXiv 1805.00932, section 2.2).

    Args:
        embedding: float32[batch, dim], unit rows.
        anchors: float32[species, dim], unit rows, frozen.
        shares: float32[batch, species], rows q sum to 1.
        scale: inverse temperature s.
        smoothing: label smoothing.
    """
    return functional.cross_entropy(
        scale * embedding @ anchors.T, shares, label_smoothing=smoothing
    )


def shared_pull(embedding: Tensor, anchors: Tensor, shares: Tensor) -> Tensor:
    """`anchor_pull` to all anchors of a window by their shares; shapes as above."""
    return 1 - (embedding @ anchors.T * shares).sum(dim=1).mean()


def anchor_pull(embedding: Tensor, anchors: Tensor, labels: Tensor) -> Tensor:
    """Mean of 1 - cos(a, t_y), the distance left to the own anchor.

    A softmax is content once the right anchor wins; retrieval of pictures needs the embedding to
    come near it. Shapes as `anchor_softmax`.
    """
    return 1 - (embedding * anchors[labels]).sum(dim=1).mean()


def embedding_distillation(embedding: Tensor, large_student: Tensor) -> Tensor:
    """Mean of |a - b|^2 / 2 = 1 - cos(a, b): the small student embeds as the large one does.

    Args:
        embedding: float32[batch, dim], unit rows of the small student.
        large_student: float32[batch, dim], unit rows of the large student for the same windows.

    Source: the absolute teacher of Yu et al. 2019 (arXiv 1904.03624), squared.
    """
    return 1 - (embedding * large_student).sum(dim=1).mean()


def outlier_exposure(embedding: Tensor, anchors: Tensor, scale: Tensor) -> Tensor:
    """Cross-entropy to the uniform distribution: what is no bird is near no anchor.

    Args:
        embedding: float32[batch, dim], unit rows of windows without a bird.
        anchors: float32[species, dim].
        scale: inverse temperature.

    Source: Hendrycks et al. 2019, arXiv 1812.04606, equation 1 with a uniform target.
    """
    return -functional.log_softmax(scale * embedding @ anchors.T, dim=1).mean()


def info_nce(embedding: Tensor, anchors: Tensor, labels: Tensor, scale: Tensor) -> Tensor:
    """Symmetric InfoNCE within the batch (van den Oord 2018), the paper's objective.

    Same shapes as `anchor_softmax`; clips of one species in a batch are each other's negatives.
    """
    return clip_loss(embedding, anchors[labels], scale)


def clip_loss(first: Tensor, other: Tensor, scale: Tensor) -> Tensor:
    """Symmetric cross-entropy of paired unit rows, float32[batch, dim] (CLIP, Radford 2021)."""
    logits = scale * first @ other.T
    pairs = torch.arange(len(logits), device=logits.device)
    loss = functional.cross_entropy(logits, pairs) + functional.cross_entropy(logits.T, pairs)
    return loss / 2


def multi_positive(embedding: Tensor, bank: Tensor, labels: Tensor, scale: Tensor) -> Tensor:
    """CLIP's loss with a bank of one text a class: no text counts as another's negative twice.

    one -> text is a softmax over the bank; text -> one spreads its target over all rows of the
    class (SupCon, Khosla 2020). Shapes as `anchor_softmax`.
    """
    logits = scale * embedding @ bank.T
    positive = torch.zeros_like(logits).scatter_(1, labels[:, None], 1.0).T
    held = positive.sum(dim=1) > 0
    target = positive[held] / positive[held].sum(dim=1, keepdim=True)
    forward = functional.cross_entropy(logits, labels)
    return (forward + functional.cross_entropy(logits.T[held], target)) / 2
