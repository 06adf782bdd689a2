"""Segments of a clip's sound at the times of its frames."""

import torch
from torch import Tensor


def segments(log_mel: Tensor, times_s: Tensor, length: int, rate_hz: float) -> Tensor:
    """Cut the sound around each frame; what would begin before the clip, or end after, is moved in.

    Args:
        log_mel: float32[batch, 1, T, mel_bins] of whole clips.
        times_s: float32[batch, frames], from the begin of the clip.
        length: of a segment, in spectra, at most T.
        rate_hz: spectra a second.

    Returns:
        float32[batch * frames, 1, length, mel_bins], a clip's after each other.
    """
    spectra = log_mel[:, 0]
    starts = (times_s.to(spectra.device) * rate_hz).round().long() - length // 2
    starts = starts.clamp(0, spectra.shape[1] - length)
    places = starts[:, :, None] + torch.arange(length, device=spectra.device)
    clips = torch.arange(len(spectra), device=spectra.device)[:, None, None]
    return spectra[clips, places].flatten(0, 1)[:, None]
