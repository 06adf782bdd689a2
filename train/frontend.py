"""The log-mel front end: the one CLAP was trained with, as a module that exports.

Equals transformers' ClapFeatureExtractor on its `rand_trunc` path: Hann window, power spectrum,
slaney filterbank, decibels with a floor of 1e-10 (Wu et al. 2023, arXiv 2211.06687).
"""

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from edge.contract.audio import AudioSpec

_FLOOR = 1e-10
_BLOCK = 128
"""Frames."""


@dataclass(frozen=True)
class LogMelSpec:
    """Parameters of the front end, from a model's preprocessor_config.json."""

    sample_rate_hz: int = 48_000
    fft_samples: int = 1024
    hop_samples: int = 480
    mel_bins: int = 64
    min_hz: float = 50.0
    max_hz: float = 14_000.0

    @classmethod
    def from_extractor(cls, extractor: Any) -> "LogMelSpec":
        """Read a ClapFeatureExtractor."""
        return cls(
            extractor.sampling_rate,
            extractor.fft_window_size,
            extractor.hop_length,
            extractor.feature_size,
            float(extractor.frequency_min),
            float(extractor.frequency_max),
        )

    def frames(self, samples: int) -> int:
        """Frames of a waveform."""
        return samples // self.hop_samples + 1


@dataclass(frozen=True)
class Hearing:
    """How a student hears: its front end, and how recordings are cut for it."""

    frontend: LogMelSpec
    window_samples: int

    @property
    def audio(self) -> AudioSpec:
        """What a listener feeds it: HTSAT's 10 s advance by 3 s, other windows by a quarter."""
        rate_hz, window = self.frontend.sample_rate_hz, self.window_samples
        hop = 3 * rate_hz if window == 10 * rate_hz else window // 4
        return AudioSpec(rate_hz, window, hop)

    @property
    def frames(self) -> int:
        """Frames of a window."""
        return self.frontend.frames(self.window_samples)


class LogMel(nn.Module):
    """float32[batch, samples] -> float32[batch, 1, frames, mel_bins] in dB.

    The Fourier transform is `torch.stft`, or, for export, a convolution restricted to the bins
    that the filterbank uses: every provider runs it, which can't be said of ONNX's STFT.
    """

    window: Tensor
    filters: Tensor
    circle: Tensor
    bins: Tensor
    samples: Tensor

    def __init__(self, spec: LogMelSpec, convolution: bool = False) -> None:
        super().__init__()
        self.spec = spec
        self.convolution = convolution
        filters = _filterbank(spec)
        used = int(filters.abs().sum(dim=1).nonzero().max()) + 1
        self.register_buffer("window", torch.hann_window(spec.fft_samples, periodic=True), False)
        self.register_buffer("filters", filters[:used], False)
        self.register_buffer("circle", _circle(spec.fft_samples), False)
        self.register_buffer("bins", torch.arange(used), False)
        self.register_buffer("samples", torch.arange(spec.fft_samples), False)

    def forward(self, waveform: Tensor) -> Tensor:
        """Compute the log-mel spectrogram."""
        half = self.spec.fft_samples // 2
        padded = functional.pad(waveform[:, None], (half, half), mode="reflect")
        mel = self._mel(self._power_conv(padded)) if self.convolution else self._blocks(padded)
        return 10 * torch.log10(mel.clamp(min=_FLOOR))[:, None]

    def _mel(self, power: Tensor) -> Tensor:
        return power.transpose(1, 2) @ self.filters

    def _blocks(self, padded: Tensor) -> Tensor:
        """Some frames at a time: fetching memory for all of them takes longer than computing."""
        fft, hop = self.spec.fft_samples, self.spec.hop_samples
        frames = (padded.shape[2] - fft) // hop + 1
        ends = [min(begin + _BLOCK, frames) for begin in range(0, frames, _BLOCK)]
        parts = [
            padded[:, 0, begin * hop : (end - 1) * hop + fft]
            for begin, end in zip([0, *ends], ends, strict=False)
        ]
        return torch.cat([self._mel(self._power_stft(part)) for part in parts], dim=1)

    def _power_stft(self, padded: Tensor) -> Tensor:
        spec = self.spec
        spectrum = torch.stft(
            padded,
            spec.fft_samples,
            spec.hop_samples,
            window=self.window,
            center=False,
            return_complex=True,
        )
        parts = torch.view_as_real(spectrum[:, : len(self.filters)])
        return parts[..., 0].square() + parts[..., 1].square()

    def _power_conv(self, padded: Tensor) -> Tensor:
        spectrum = functional.conv1d(padded, self._kernel(), stride=self.spec.hop_samples)
        real, imaginary = spectrum.square().chunk(2, dim=1)
        return real + imaginary

    def _kernel(self) -> Tensor:
        """float32[2 * bins, 1, fft_samples], looked up: it would be 2.4 MB of every file."""
        turns = self.bins[:, None] * self.samples % self.spec.fft_samples
        return (self.circle[:, turns].flatten(0, 1) * self.window)[:, None]


def _filterbank(spec: LogMelSpec) -> Tensor:
    from transformers.audio_utils import mel_filter_bank

    filters = mel_filter_bank(
        spec.fft_samples // 2 + 1,
        spec.mel_bins,
        spec.min_hz,
        spec.max_hz,
        spec.sample_rate_hz,
        norm="slaney",
        mel_scale="slaney",
    )
    return torch.from_numpy(filters).float()


def _circle(samples: int) -> Tensor:
    """Cosine and sine of every angle that a Fourier transform needs, float32[2, samples]."""
    angle = 2 * torch.pi / samples * torch.arange(samples, dtype=torch.float64)
    return torch.stack([angle.cos(), angle.sin()]).float()
