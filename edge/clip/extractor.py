"""Cuts the sound of a detection out of what is held in memory; nothing else is ever written."""

from collections.abc import Iterator
from dataclasses import dataclass, replace

from edge.contract.audio_spec import AudioSpec
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
        config: how much is kept; None cuts no clips.
        buffer: holds the sound of the source.
    """

    def __init__(self, spec: AudioSpec, config: ClipConfig | None, buffer: SampleBuffer) -> None:
        self._rate_hz, self._buffer = spec.sample_rate_hz, buffer
        self._cuts, self._config = config is not None, config or ClipConfig()
        # A window with speech makes those beside it private: a clip waits until they were heard.
        self._beside = 2 * spec.window_samples
        longest_s = self._config.most_s + self._config.before_s
        if self._cuts:
            buffer.hold(self._samples(longest_s) + 3 * self._beside)
        self._wanted: dict[str, _Wanted] = {}

    def before(self, window: Window) -> Iterator[Clip]:
        """The clips that end with a gap before the next window."""
        if self._buffer.breaks(window):
            yield from self.finish()

    def follow(self, record: Record) -> None:
        """Note what a record wants to be cut."""
        if not self._cuts:
            return
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
        """The rest, as far as it goes: the source has ended, or is broken by a gap."""
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
