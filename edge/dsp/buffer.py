"""The newest sound, held in memory."""

from collections import deque

import numpy as np
import numpy.typing as npt

from edge.source.framing import Window

_FULL_SCALE = 32767


class SampleBuffer:
    """The newest samples as int16, with their places; what is lost is left out.

    Args:
        capacity: how many samples are held at least.
    """

    def __init__(self, capacity: int) -> None:
        self._capacity = capacity
        self._pieces: deque[tuple[int, npt.NDArray[np.int16]]] = deque()
        self.end = 0

    def add(self, window: Window) -> None:
        """Samples that are new in a window."""
        start, samples = window.start_sample, window.samples[: window.real_samples]
        new = samples[max(self.end - start, 0) :]
        self.end = max(self.end, start + len(samples))
        if len(new):
            scaled = np.round(np.clip(new, -1, 1) * _FULL_SCALE).astype(np.int16)
            self._pieces.append((self.end - len(new), scaled))
        while self._pieces[0][0] + len(self._pieces[0][1]) < self.end - self._capacity:
            self._pieces.popleft()

    def cut(self, start: int, end: int) -> npt.NDArray[np.int16]:
        """int16[samples] of what is held between two places."""
        near = [
            piece[max(start - at, 0) : end - at]
            for at, piece in self._pieces
            if at < end and at + len(piece) > start
        ]
        return np.concatenate(near) if near else np.empty(0, np.int16)
