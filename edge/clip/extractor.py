"""Cuts the sound of a detection out of what is held in memory; nothing else is ever written."""

from collections.abc import Iterator
from dataclasses import dataclass, replace

from edge.contract.audio import AudioSpec
from edge.dsp.buffer import SampleBuffer
from edge.records.detection import Clip, Detection, Extension, Record
from edge.source.framing import Window


@dataclass(frozen=True)
class ClipConfig:
    """Length of a clip around a detection."""

    before_s: float = 3.0
    """Sound before the detection's start."""
    after_s: float = 3.0
    """And after its end."""
    most_s: float = 30.0
    """Length of a clip at most."""


@dataclass(frozen=True)
class _Wanted:
    detection: Detection
    start_sample: int
    end_sample: int


class ClipExtractor:
    """Cuts the clips of one live source.

    Args:
        spec: rate, window and hop in use.
        config: how much is kept.
    """

    def __init__(self, spec: AudioSpec, config: ClipConfig | None = None) -> None:
        self._rate_hz, self._config = spec.sample_rate_hz, config or ClipConfig()
        # A window with speech makes those beside it private: a clip waits until they were heard.
        self._beside = 2 * spec.window_samples
        longest_s = self._config.most_s + self._config.before_s
        self._buffer = SampleBuffer(self._samples(longest_s) + 3 * self._beside)
        self._wanted: dict[str, _Wanted] = {}

    def add(self, window: Window) -> list[Clip]:
        """Take the next window.

        Returns:
            The clips that end with a gap before it.
        """
        ended = list(self.finish()) if window.start_sample > self._buffer.end else []
        self._buffer.add(window)
        return ended

    def follow(self, record: Record) -> None:
        """Note what a record wants to be cut."""
        if isinstance(record, Detection):
            start = max(self._samples(record.start_s - self._config.before_s), 0)
            self._want(_Wanted(record, start, 0), record.end_s)
        elif isinstance(record, Extension) and record.id in self._wanted:
            self._want(self._wanted[record.id], record.end_s)

    def due(self, heard_to: int) -> Iterator[Clip]:
        """The clips whose sound is all there.

        Args:
            heard_to: end of the newest window, in samples.
        """
        for wanted in list(self._wanted.values()):
            if heard_to >= wanted.end_sample + self._beside:
                yield from self._cut(wanted)

    def finish(self) -> Iterator[Clip]:
        """The source has ended: the rest, as far as it goes."""
        for wanted in list(self._wanted.values()):
            yield from self._cut(wanted)

    def _want(self, wanted: _Wanted, end_s: float) -> None:
        end = self._samples(end_s + self._config.after_s)
        most = wanted.start_sample + self._samples(self._config.most_s)
        self._wanted[wanted.detection.id] = replace(wanted, end_sample=min(end, most))

    def _cut(self, wanted: _Wanted) -> Iterator[Clip]:
        del self._wanted[wanted.detection.id]
        start, end = wanted.start_sample, wanted.end_sample
        before = len(self._buffer.cut(start - self._beside, start))
        length = len(self._buffer.cut(start, end))
        around = self._buffer.cut(start - self._beside, end + self._beside)
        if length:
            samples = around[before : before + length]  # a view: clips wait in memory
            yield Clip(wanted.detection, samples, self._rate_hz, around)

    def _samples(self, seconds: float) -> int:
        return round(seconds * self._rate_hz)
