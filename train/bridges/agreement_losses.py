"""Contrastive losses between a clip's sound and its frames, in time.

Tsubaki et al. 2024 (arXiv 2403.10756), "Refining Knowledge Transfer on Audio-Image Temporal
Agreement for Audio-Text Cross Retrieval". Public to us are its abstract and, by a review, the
choice of Nearest Match: sim(a, i) = max_l sim(a, i_l) from epoch n on, a random frame before. Its
equation of Multiframe Match is not, so both ways to read "audio and image pairs of multiple time
frames" are here: `multiframe_nce` pairs each frame with the sound at its time, as these words
say; `multiframe_clip_nce` pairs each frame with the sound of the whole clip.

Shapes: B clips, L frames of each, all rows of unit length and in the frozen teacher's space. A clip
may be longer than what is heard of it: `inside`, bool[B, L], at least one a clip, are the frames
that are shown meanwhile; the others are no partners. None: all are.
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


def nearest_frames(audio: Tensor, frames: Tensor, inside: Tensor | None = None) -> Tensor:
    """Frame of each clip that is most like its sound: arg max_l a_b . i_bl.

    Args:
        audio: float32[B, dim].
        frames: float32[B, L, dim].
        inside: bool[B, L].

    Returns:
        int64[B].
    """
    return _only(torch.einsum("bd,bld->bl", audio, frames), inside).argmax(dim=1)


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


def nearest_nce(
    audio: Tensor,
    frames: Tensor,
    scale: Tensor,
    near: Tensor | None = None,
    inside: Tensor | None = None,
) -> Tensor:
    """Nearest Match read to the letter: every pair is compared by its nearest frame.

    The logits are s max_l a_b . i_cl, of negatives, too; shapes as `chosen_nce`.
    """
    likeness = _only(torch.einsum("bd,cld->bcl", audio, frames), inside)
    return matched_nce(scale * likeness.amax(dim=2), near)


def multiframe_nce(
    segments: Tensor,
    frames: Tensor,
    scale: Tensor,
    near: Tensor | None = None,
    inside: Tensor | None = None,
) -> Tensor:
    """Multiframe Match of segments: B x L pairs of a frame and the sound at its time.

    Args:
        segments: float32[B, L, dim], sound cut at the frames' times.
        frames: float32[B, L, dim].
        scale: inverse temperature.
        near: bool[B * L, B * L], see `paired_nce`; a clip's rows follow each other.
        inside: bool[B, L].
    """
    first, other = segments.flatten(0, 1), frames.flatten(0, 1)
    part = None if inside is None else inside.flatten()
    return _paired_part(first, other, scale, near=near, part=part)


def multiframe_clip_nce(
    audio: Tensor,
    frames: Tensor,
    scale: Tensor,
    near: Tensor | None = None,
    inside: Tensor | None = None,
) -> Tensor:
    """Multiframe Match of whole clips: mean over l of `paired_nce` of the sound and frame l.

    Shapes as `chosen_nce`.
    """
    used = range(frames.shape[1]) if inside is None else inside.any(dim=0).nonzero()[:, 0].tolist()
    losses = [
        _paired_part(
            audio,
            frames[:, n],
            scale,
            near=near,
            part=None if inside is None else inside[:, n],
        )
        for n in used
    ]
    return torch.stack(losses).mean()


def _paired_part(
    first: Tensor, other: Tensor, scale: Tensor, near: Tensor | None, part: Tensor | None
) -> Tensor:
    """`paired_nce` of some of the pairs, bool[n]; None: of all."""
    if part is None or part.all():
        return paired_nce(first, other, scale, near)
    near = None if near is None else near[part][:, part]
    return paired_nce(first[part], other[part], scale, near)


def _only(likeness: Tensor, inside: Tensor | None) -> Tensor:
    """Likeness, float32[..., B, L], to frames that are inside alone."""
    return likeness if inside is None else likeness.masked_fill(~inside, -torch.inf)


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
