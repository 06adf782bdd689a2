"""The objectives of localisation by sound: contrast at the best place, and two teachers' hints.

Acoustic and visual knowledge distillation (Yaghoubi et al. 2023, 10.1145/3577190.3614144; its
code's `max_xmil_loss` and `detr_panns_loss`).
"""

import torch
from torch import Tensor
from torch.nn import functional


def best_place(places: Tensor, heard: Tensor, temperature: float) -> Tensor:
    """Logits of all pictures and sounds: the likeness of the most alike place.

    S_nm = max_hw <v_nhw, a_m> / tau.

    Args:
        places: float32[pictures, h, w, dim], unit over dim.
        heard: float32[sounds, dim], unit rows.
        temperature: tau.

    Returns:
        float32[pictures, sounds].
    """
    return (torch.einsum("nhwc,mc->nmhw", places, heard) / temperature).amax(dim=(2, 3))


def max_over_places(places: Tensor, heard: Tensor, temperature: float) -> Tensor:
    """Contrast of pictures with sounds by their most alike place, both ways.

    L = CE(S) + CE(S^T), summed and not halved, with S of `best_place` (EZ-VSL, Mo and Morgado 2022,
    arXiv 2203.09324, equation 4). Clips of one species in a batch are each other's negatives: no
    name is used.

    Args:
        places: float32[batch, h, w, dim], unit over dim.
        heard: float32[batch, dim], unit rows.
        temperature: tau.
    """
    logits = best_place(places, heard, temperature)
    own = torch.arange(len(logits), device=logits.device)
    return functional.cross_entropy(logits, own) + functional.cross_entropy(logits.T, own)


def audio_hint(heard: Tensor, taught: Tensor) -> Tensor:
    """Mean square between an embedding and the audio teacher's, both of unit length.

    Args:
        heard: float32[batch, width], unit rows.
        taught: float32[batch, width] of the teacher; a row with NaN has none, and is left out.
    """
    known = taught.isfinite().all(dim=1)
    return _mean_square(heard[known], functional.normalize(taught[known], dim=1))


def map_hint(places: Tensor, maps: Tensor) -> Tensor:
    """Mean square between the channels' mean at every place and the vision teacher's map.

    The places are brought to the map's size (bilinear) before their channels are averaged.

    Args:
        places: float32[batch, h, w, dim], unit over dim.
        maps: float32[batch, height, width] of the teacher, such as [25, 25] of DETR's decoder; one
            with NaN tells nothing (no object was found), and is left out.
    """
    known = maps.isfinite().all(dim=(1, 2))
    channels_first = places[known].movedim(3, 1)
    resized = functional.interpolate(channels_first, maps.shape[1:], mode="bilinear")
    return _mean_square(resized.mean(dim=1), maps[known])


def _mean_square(found: Tensor, wanted: Tensor) -> Tensor:
    """Mean squared difference; 0 of nothing, where torch's is NaN."""
    return (found - wanted).square().sum() / max(wanted.numel(), 1)
