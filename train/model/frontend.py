"""The log-mel front end: the one CLAP was trained with, as a module that exports.

Equals transformers' ClapFeatureExtractor on its `rand_trunc` path: Hann window, power spectrum,
slaney filterbank, decibels with a floor of 1e-10 (Wu et al. 2023, arXiv 2211.06687).
"""

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from edge.contract.audio_spec import AudioSpec
from train.model.fourier import FoldedMel

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
            sample_rate_hz=extractor.sampling_rate,
            fft_samples=extractor.fft_window_size,
            hop_samples=extractor.hop_length,
            mel_bins=extractor.feature_size,
            min_hz=float(extractor.frequency_min),
            max_hz=float(extractor.frequency_max),
        )

    def frames(self, samples: int) -> int:
        """Frames of a waveform."""
        return samples // self.hop_samples + 1


@dataclass(frozen=True)
class InputSpec:
    """Input of a student: its front end, and the length of its window."""

    frontend: LogMelSpec
    window_samples: int

    @property
    def audio(self) -> AudioSpec:
        """Audio a listener feeds it: HTSAT's 10 s advance by 3 s, other windows by a quarter."""
        rate_hz, window = self.frontend.sample_rate_hz, self.window_samples
        hop = 3 * rate_hz if window == 10 * rate_hz else window // 4
        return AudioSpec(rate_hz, window, hop)

    @property
    def frames(self) -> int:
        """Frames of a window."""
        return self.frontend.frames(self.window_samples)


class LogMel(nn.Module):
    """float32[batch, samples] -> float32[batch, 1, frames, mel_bins] in dB.

    The Fourier transform is `torch.stft`, or, for export, matrix products restricted to the bins
    that the filterbank uses (train/model/fourier.py).
    """

    window: Tensor
    filters: Tensor

    def __init__(self, spec: LogMelSpec, exported: bool = False) -> None:
        super().__init__()
        self.spec = spec
        filters = _filterbank(spec)
        used = int(filters.abs().sum(dim=1).nonzero().max()) + 1
        self.register_buffer("window", torch.hann_window(spec.fft_samples, periodic=True), False)
        self.register_buffer("filters", filters[:used], False)
        self.folded = FoldedMel(spec.fft_samples, filters[:used]) if exported else None

    def forward(self, waveform: Tensor) -> Tensor:
        """Compute the log-mel spectrogram."""
        mel = self.folded(self._frames(waveform)) if self.folded else self._blocks(waveform)
        return 10 * torch.log10(mel.clamp(min=_FLOOR))[:, None]

    def _blocks(self, waveform: Tensor) -> Tensor:
        """Some frames at a time: fetching memory for all of them takes longer than computing."""
        fft, hop = self.spec.fft_samples, self.spec.hop_samples
        padded = _reflect(waveform, fft // 2, fft // 2)
        frames = (padded.shape[1] - fft) // hop + 1
        ends = [min(begin + _BLOCK, frames) for begin in range(0, frames, _BLOCK)]
        parts = [
            padded[:, begin * hop : (end - 1) * hop + fft]
            for begin, end in zip([0, *ends], ends, strict=False)
        ]
        powers = [self._power_stft(part).transpose(1, 2) for part in parts]
        return torch.cat([power @ self.filters for power in powers], dim=1)

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

    def _frames(self, waveform: Tensor) -> Tensor:
        """float32[batch, frames, fft_samples + 1], of hops laid side by side."""
        fft, hop, samples = self.spec.fft_samples, self.spec.hop_samples, waveform.shape[1]
        frames, parts = self.spec.frames(samples), -(-(fft + 1) // hop)
        needed = (frames + parts - 1) * hop
        padded = _reflect(waveform, fft // 2, max(needed - samples - fft // 2, 0))
        hops = padded[:, :needed].reshape(waveform.shape[0], -1, hop)
        widths = [min(hop, fft + 1 - n * hop) for n in range(parts)]
        return torch.cat([hops[:, n : n + frames, :w] for n, w in enumerate(widths)], dim=2)


def _reflect(waveform: Tensor, before: int, after: int) -> Tensor:
    return functional.pad(waveform[:, None], (before, after), mode="reflect")[:, 0]


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
