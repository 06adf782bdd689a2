"""Contrastive losses between a clip's sound and its frames, in time.

Tsubaki et al. 2024 (arXiv 2403.10756), "Refining Knowledge Transfer on Audio-Image Temporal
Agreement for Audio-Text Cross Retrieval". Public to us are its abstract and, by a review, the
choice of Nearest Match: sim(a, i) = max_l sim(a, i_l) from epoch n on, a random frame before. Its
equation of Multiframe Match is not, so both ways to read "audio and image pairs of multiple time
frames" are here: `multiframe_nce` pairs each frame with the sound at its time, as these words
say; `multiframe_clip_nce` pairs each frame with the sound of the whole clip.

Shapes: B clips, L frames of each, all rows of unit length and in the frozen teacher's space.
"""

import torch
from torch import Tensor
from torch.nn import functional


def paired_nce(first: Tensor, other: Tensor, scale: Tensor, near: Tensor | None = None) -> Tensor:
    """Symmetric InfoNCE of pairs (van den Oord 2018), from which near-positives are left out.

    L = mean_b [-log e_bb / sum_(c not near b) e_bc - log e_bb / sum_(c not near b) e_cb] / 2,
    e_bc = exp(s first_b . other_c).

    Args:
        first: float32[n, dim].
        other: float32[n, dim], the partner of each.
        scale: inverse temperature s.
        near: bool[n, n], symmetric and false on the diagonal: pairs that are no negatives.
    """
    return matched_nce(scale * first @ other.T, near)


def matched_nce(logits: Tensor, near: Tensor | None = None) -> Tensor:
    """Symmetric InfoNCE of float32[n, n] logits, whose diagonal holds the pairs."""
    if near is not None:
        logits = logits.masked_fill(near, -torch.inf)
    pairs = torch.arange(len(logits), device=logits.device)
    loss = functional.cross_entropy(logits, pairs) + functional.cross_entropy(logits.T, pairs)
    return loss / 2


def nearest_frames(audio: Tensor, frames: Tensor) -> Tensor:
    """Frame of each clip that is most like its sound: arg max_l a_b . i_bl.

    Args:
        audio: float32[B, dim].
        frames: float32[B, L, dim].

    Returns:
        int64[B].
    """
    return torch.einsum("bd,bld->bl", audio, frames).argmax(dim=1)


def chosen_nce(
    audio: Tensor, frames: Tensor, chosen: Tensor, scale: Tensor, near: Tensor | None = None
) -> Tensor:
    """`paired_nce` of each clip's sound with one frame of it: Random, or Nearest Match.

    Args:
        audio: float32[B, dim].
        frames: float32[B, L, dim].
        chosen: int64[B], a frame of each clip.
        scale: inverse temperature.
        near: bool[B, B], see `paired_nce`.
    """
    clips = torch.arange(len(frames), device=frames.device)
    return paired_nce(audio, frames[clips, chosen], scale, near)


def nearest_nce(audio: Tensor, frames: Tensor, scale: Tensor, near: Tensor | None = None) -> Tensor:
    """Nearest Match read to the letter: every pair is compared by its nearest frame.

    The logits are s max_l a_b . i_cl, of negatives, too; shapes as `chosen_nce`.
    """
    return matched_nce(scale * torch.einsum("bd,cld->bcl", audio, frames).amax(dim=2), near)


def multiframe_nce(
    segments: Tensor, frames: Tensor, scale: Tensor, near: Tensor | None = None
) -> Tensor:
    """Multiframe Match of segments: B x L pairs of a frame and the sound at its time.

    Args:
        segments: float32[B, L, dim], sound cut at the frames' times.
        frames: float32[B, L, dim].
        scale: inverse temperature.
        near: bool[B * L, B * L], see `paired_nce`; a clip's rows follow each other.
    """
    return paired_nce(segments.flatten(0, 1), frames.flatten(0, 1), scale, near)


def multiframe_clip_nce(
    audio: Tensor, frames: Tensor, scale: Tensor, near: Tensor | None = None
) -> Tensor:
    """Multiframe Match of whole clips: mean over l of `paired_nce` of the sound and frame l.

    Shapes as `chosen_nce`.
    """
    losses = [paired_nce(audio, frame, scale, near) for frame in frames.unbind(dim=1)]
    return torch.stack(losses).mean()


def text_nce(heard: Tensor, texts: Tensor, scale: Tensor, near: Tensor | None = None) -> Tensor:
    """Symmetric InfoNCE of clips and their texts; a clip is its segment most like the text.

    The logits are s max_l a_bl . t_c, the similarity that retrieval ranks by.

    Args:
        heard: float32[batch, segments, dim], unit rows.
        texts: float32[batch, dim], unit rows, frozen: of each clip one.
        scale: inverse temperature s.
        near: bool[batch, batch], false on the diagonal: clips with the same text, no negatives.
    """
    return matched_nce(scale * torch.einsum("bld,cd->bcl", heard, texts).amax(dim=2), near)


def near_positives(groups: Tensor) -> Tensor:
    """Pairs of one group that are not each other's partner.

    Args:
        groups: int64[n], such as clips or species; below 0: of none.

    Returns:
        bool[n, n], false on the diagonal.
    """
    same = (groups[:, None] == groups) & (groups >= 0)
    return same & ~torch.eye(len(groups), dtype=torch.bool, device=groups.device)
