"""Contrast of a sound with its species' text and with a picture of it, at once.

The second stage of BioVITA (Shinoda et al. 2026, arXiv 2603.23883) minimises the sum of an
audio-text, an audio-image and an image-text contrast. Here image and text tower are frozen, so
the third is a constant and left out; how the paper weighs them is not public to us, hence two
settings.

Shapes: B sounds, rows of unit length in the frozen teacher's space.
"""

from torch import Tensor
from torch.nn import functional

from train.distillation.losses import multi_positive


def picture_contrast(embedding: Tensor, pictures: Tensor, labels: Tensor, scale: Tensor) -> Tensor:
    """Symmetric contrast of sounds and pictures, in which all of one species are positive.

    L = (M(E) + M(E^T)) / 2, M(E) = mean_b -1/|P_b| sum_(c in P_b) log E_bc / sum_k E_bk, with
    E_bc = exp(s a_b . i_c) and P_b = {c: y_c = y_b} (SupCon, Khosla et al. 2020, arXiv 2004.11362,
    equation 2, between two kinds): a batch often holds a species twice.

    Args:
        embedding: float32[B, dim], of sounds.
        pictures: float32[B, dim], one of each sound's species, frozen.
        labels: int64[B] species indices.
        scale: inverse temperature s.
    """
    logits = scale * embedding @ pictures.T
    positive = (labels[:, None] == labels).float()
    target = positive / positive.sum(dim=1, keepdim=True)
    forward = functional.cross_entropy(logits, target)
    return (forward + functional.cross_entropy(logits.T, target)) / 2


def joint_contrast(
    embedding: Tensor,
    *,
    texts: Tensor,
    pictures: Tensor,
    labels: Tensor,
    scale: Tensor,
    text_weight: float,
    image_weight: float,
) -> Tensor:
    """Weighted sum w_t L_text + w_i L_picture.

    Args:
        embedding: float32[B, dim], of sounds.
        texts: float32[species, dim], frozen anchors; `train.distillation.losses.multi_positive`.
        pictures: float32[B, dim], frozen; see `picture_contrast`.
        labels: int64[B] species indices.
        scale: inverse temperature s of both.
        text_weight: w_t.
        image_weight: w_i.
    """
    text = multi_positive(embedding, texts, labels, scale)
    return text_weight * text + image_weight * picture_contrast(embedding, pictures, labels, scale)
