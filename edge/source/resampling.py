"""Resampling of a stream or of a whole recording (soxr)."""

from typing import Any

import numpy as np

from edge.contract.audio import Waveform


class Resampler:
    """Streaming sinc resampling; the total length is exact after `finish`."""

    def __init__(self, source_hz: int, target_hz: int) -> None:
        import soxr

        same = source_hz == target_hz
        self._stream: Any = (
            None if same else soxr.ResampleStream(source_hz, target_hz, 1, "float32")
        )

    def push(self, samples: Waveform) -> Waveform:
        """Resample a block; the output lags a few milliseconds."""
        if self._stream is None:
            return samples
        resampled: Waveform = self._stream.resample_chunk(samples)
        return resampled

    def finish(self) -> Waveform:
        """The samples still held back."""
        rest: Waveform = np.empty(0, np.float32)
        return rest if self._stream is None else self._stream.resample_chunk(rest, last=True)


def resample(waveform: Waveform, rate_hz: int, target_hz: int) -> Waveform:
    """Resample a whole recording, float32[samples]: what `Resampler` gives, in half the time."""
    import soxr

    if rate_hz == target_hz:
        return waveform
    resampled: Waveform = soxr.resample(waveform, rate_hz, target_hz)
    return resampled
