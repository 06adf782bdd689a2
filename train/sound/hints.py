"""An acoustic hint: a student's features also predict a ready-made network's embedding.

FitNets (Romero et al. 2015, arXiv 1412.6550) with a network of another kind: BirdNET for the
STM32N6, which turns 3 s of sound into 256 numbers. It is run once over every recording, by
TensorFlow Lite, and is neither shipped nor needed to listen.
"""

import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn
from torch.nn import functional

from edge.contract.audio import Waveform, repeat_pad
from edge.contract.errors import DatasetError, MissingPackageError
from edge.source.framing import resample
from edge.source.recording import read_recording
from train.data.dataset import Item
from train.frontend import Hearing
from train.sound.cache import load_each
from train.sound.shards import Array

DIM = 256
STEP_S = 0.5
HEARD_S = 3
"""How much the network hears at a time."""
_FILE = "birdnet_stm32n6_100.tflite"
_RATE_HZ = 22_050
_CHUNK = HEARD_S * _RATE_HZ
_FFT, _HOP, _FRAMES = 512, 258, 256
_LAYER = "dscnn_audio_1/gap_1/Mean"
_LEAST_DEVIATION = 0.1


class HintNetwork:
    """The hint's network, on the processor.

    Args:
        folder: holds birdnet_stm32n6_100.tflite.

    Raises:
        DatasetError: it doesn't.
        MissingPackageError: TensorFlow Lite is not installed.
    """

    def __init__(self, folder: Path) -> None:
        if not (folder / _FILE).is_file():
            raise DatasetError(f"hint: {folder}: holds no {_FILE}")
        self._interpreter = _open(folder / _FILE)
        details = self._interpreter.get_tensor_details()
        layer = next(one for one in details if one["name"] == _LAYER)
        self._layer, (self._scale, self._zero) = layer["index"], layer["quantization"]

    def embed(self, waveform: Waveform, rate_hz: int) -> npt.NDArray[np.float16]:
        """float16[n, 256] of 3 s chunks every half second."""
        whole = repeat_pad(resample(waveform, rate_hz, _RATE_HZ), _CHUNK)
        starts = range(0, len(whole) - _CHUNK + 1, round(STEP_S * _RATE_HZ))
        return np.stack([self._embed(whole[start : start + _CHUNK]) for start in starts])

    def _embed(self, chunk: Waveform) -> npt.NDArray[np.float16]:
        self._interpreter.set_tensor(0, spectrogram(chunk)[None, :, :, None])
        self._interpreter.invoke()
        quantised = self._interpreter.get_tensor(self._layer)[0].astype(np.float32)
        embedding: npt.NDArray[np.float16] = (quantised - self._zero) * np.float16(self._scale)
        return embedding.astype(np.float16)


def spectrogram(chunk: Waveform) -> npt.NDArray[np.float32]:
    """Magnitudes from 0 to 1 of 3 s at 22,050 Hz, float32[257, 256]: what the network was fed."""
    padded = np.pad(chunk, _FFT // 2)
    frames = np.lib.stride_tricks.sliding_window_view(padded, _FFT)[::_HOP][:_FRAMES]
    window = np.hanning(_FFT + 1)[:-1].astype(np.float32)
    magnitude = np.abs(np.fft.rfft(frames * window, axis=1)).T
    low, high = magnitude.min(), magnitude.max()
    scaled: npt.NDArray[np.float32] = ((magnitude - low) / (high - low + 1e-10)).astype(np.float32)
    return scaled


def load_hints(items: Sequence[Item], folder: Path, cache: Path) -> list[Tensor]:
    """float16[n, 256] a readable recording, in order; computed once and kept.

    Raises:
        DatasetError: no such network.
    """
    arrays = load_each(items, cache / "hints", Hints(folder))
    return [torch.from_numpy(one) for one in arrays if one is not None]


class Hints:
    """Computes the hints of a whole recording; loads the network when the first is asked for."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._network: HintNetwork | None = None

    def __call__(self, item: Item) -> Array:
        """One recording's."""
        self._network = self._network or HintNetwork(self._folder)
        return self._network.embed(*read_recording(item.path))


def statistics(hints: Tensor) -> tuple[Tensor, Tensor]:
    """Mean and deviation that float32[n, 256] are standardised with."""
    return hints.mean(dim=0), hints.std(dim=0) + _LEAST_DEVIATION


class NoHint(nn.Module):
    """Stands where there is no hint: it costs nothing."""

    def forward(self, features: Tensor, recordings: Tensor, starts: Tensor) -> Tensor:
        """Zero."""
        return features.new_zeros(())


class HintLoss(nn.Module):
    """Mean squared error between the features and the standardised hint.

    Features of another width are mapped to it linearly. A window that is longer than what the
    network hears is to predict the mean of what it made of its parts.

    Args:
        hints: float16[n, 256] a recording.
        features: width of the student's features.
        hearing: says how long a frame is, and a window.
    """

    mean: Tensor
    deviation: Tensor
    rows: Tensor

    def __init__(self, hints: Sequence[Tensor], features: int, hearing: Hearing) -> None:
        super().__init__()
        spec = hearing.frontend
        self._frames_a_step = STEP_S * spec.sample_rate_hz / spec.hop_samples
        spare_s = hearing.window_samples / spec.sample_rate_hz - HEARD_S
        self._steps = torch.arange(max(round(spare_s / STEP_S), 0) + 1)
        self._counts = torch.tensor([len(one) for one in hints])
        self._begins = self._counts.cumsum(0) - self._counts
        self.head = nn.Identity() if features == DIM else nn.Linear(features, DIM)
        rows = torch.cat(list(hints))
        mean, deviation = statistics(rows.float())
        self.register_buffer("rows", rows, persistent=False)
        self.register_buffer("mean", mean)
        self.register_buffer("deviation", deviation)

    def forward(self, features: Tensor, recordings: Tensor, starts: Tensor) -> Tensor:
        """The loss of float32[batch, features].

        Args:
            features: of windows.
            recordings: int64[batch], each window's recording.
            starts: int64[batch], its first frame.
        """
        steps = (starts / self._frames_a_step).round().long()[:, None] + self._steps
        last = self._counts[recordings, None] - 1
        places = self._begins[recordings, None] + steps.minimum(last)
        target = self.rows[places.to(self.rows.device)].float().mean(dim=1)
        return functional.mse_loss(self.head(features), (target - self.mean) / self.deviation)


def _open(file: Path) -> Any:
    try:
        from ai_edge_litert.interpreter import Interpreter
    except ImportError as error:
        raise MissingPackageError("the hint needs: pip install ai-edge-litert") from error
    with warnings.catch_warnings():
        # The embedding is an inner tensor, which is what this "debugging" option is for.
        warnings.filterwarnings("ignore", "Warning: Enabling `experimental_preserve_all_tensors`")
        interpreter = Interpreter(str(file), experimental_preserve_all_tensors=True)
    interpreter.allocate_tensors()
    return interpreter
