"""Buffer of the newest sound, which the onset and the clips of one source are cut from."""

from collections import deque

import numpy as np

from edge.contract.arrays import Int16s
from edge.source.framing import Window

_FULL_SCALE = 32767


class SampleBuffer:
    """The newest samples as int16, with their places; what is lost is left out."""

    def __init__(self) -> None:
        self._capacity = 0
        self._pieces: deque[tuple[int, Int16s]] = deque()
        self.end = 0
        self.unbroken_since = 0
        """Place from which nothing is missing."""

    def hold(self, capacity: int) -> None:
        """Hold at least so many samples from now on."""
        self._capacity = max(self._capacity, capacity)

    def breaks(self, window: Window) -> bool:
        """True if something is missing between what is held and a window."""
        return window.start_sample > self.end

    def add(self, window: Window) -> None:
        """Samples that are new in a window."""
        start, samples = window.start_sample, window.samples[: window.real_samples]
        if self.breaks(window):
            self.unbroken_since = start
        new = samples[max(self.end - start, 0) :]
        self.end = max(self.end, start + len(samples))
        if len(new):
            scaled = np.clip(new, -1, 1)
            scaled *= _FULL_SCALE  # in place, as all of this runs for every sample
            held = np.rint(scaled, out=scaled).astype(np.int16)
            self._pieces.append((self.end - len(new), held))
        while self._pieces[0][0] + len(self._pieces[0][1]) < self.end - self._capacity:
            self._pieces.popleft()

    def cut(self, start: int, end: int) -> Int16s:
        """int16[samples] of what is held between two places."""
        near = [
            piece[max(start - at, 0) : end - at]
            for at, piece in self._pieces
            if at < end and at + len(piece) > start
        ]
        return np.concatenate(near) if near else np.empty(0, np.int16)
