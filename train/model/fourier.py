"""A mel spectrum of real frames as a few small matrix products: what is exported.

Every provider runs it, which can't be said of ONNX's STFT, and it takes a quarter of the
multiplications of a convolution with the Fourier basis. A power spectrum doesn't depend on where
time begins, so let it begin amid the frame: cosine is even and sine odd around there, and both are
even or odd once more around a quarter of a turn, by whether the bin is (Rabiner and Gold 1975,
chapter 6).
"""

import torch
from torch import Tensor, nn


class FoldedMel(nn.Module):
    """float32[..., fft_samples + 1] -> mel power, float32[..., mel_bins], of Hann windows.

    The sample after a frame has no weight; it makes both halves equally long.

    Args:
        fft_samples: length of the transform, a multiple of 4.
        filters: float32[bins, mel_bins], of the bins from 0 on.
    """

    cosine_window: Tensor
    sine_window: Tensor

    def __init__(self, fft_samples: int, filters: Tensor) -> None:
        super().__init__()
        self._half, self._quarter = fft_samples // 2, fft_samples // 4
        window = torch.hann_window(fft_samples + 1, periodic=False)[self._half :]
        self.register_buffer("cosine_window", window * _halved(self._half + 1, 0), False)
        self.register_buffer("sine_window", window, False)
        self.even = _EverySecond(fft_samples, filters, 0)
        self.odd = _EverySecond(fft_samples, filters, 1)

    def forward(self, frames: Tensor) -> Tensor:
        """Fold twice, and transform what is left."""
        half = self._half
        after, before = frames[..., half:], frames[..., : half + 1].flip(-1)
        cosine_sum, cosine_difference = self._fold((after + before) * self.cosine_window)
        sine_sum, sine_difference = self._fold((after - before) * self.sine_window)
        even: Tensor = self.even(cosine_sum, sine_difference)
        odd: Tensor = self.odd(cosine_difference, sine_sum)
        return even + odd

    def _fold(self, side: Tensor) -> tuple[Tensor, Tensor]:
        """Sum and difference of what lies equally far from a quarter of a turn."""
        near, far = side[..., : self._quarter + 1], side[..., self._quarter :].flip(-1)
        return near + far, near - far


class _EverySecond(nn.Module):
    """Contribution of every second bin to the mel spectrum."""

    circle: Tensor
    moments: Tensor
    bins: Tensor
    folded: Tensor
    filters: Tensor

    def __init__(self, fft_samples: int, filters: Tensor, first: int) -> None:
        super().__init__()
        quarter, bins = fft_samples // 4, torch.arange(first, len(filters), 2)
        angle = 2 * torch.pi / fft_samples * torch.arange(fft_samples, dtype=torch.float64)
        self.register_buffer("circle", torch.stack([angle.cos(), angle.sin()]).float(), False)
        self.register_buffer("moments", torch.arange(quarter + 1)[:, None], False)
        self.register_buffer("bins", bins, False)
        self.register_buffer("folded", _halved(quarter + 1, -1)[:, None], False)
        self.register_buffer("filters", filters[bins], False)

    def forward(self, cosine: Tensor, sine: Tensor) -> Tensor:
        # Looked up, for it would be 0.6 MB of every file; a runtime does it once.
        basis = self.circle[:, self.moments * self.bins % self.circle.shape[1]] * self.folded
        real, imaginary = cosine @ basis[0], sine @ basis[1]
        return (real * real + imaginary * imaginary) @ self.filters


def _halved(length: int, place: int) -> Tensor:
    """Ones, and a half where folding counts a sample twice."""
    weights = torch.ones(length)
    weights[place] = 0.5
    return weights
