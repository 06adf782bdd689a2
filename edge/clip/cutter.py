"""Cuts the sound of a detection out of what is held in memory; nothing else is ever written."""

from collections.abc import Iterator
from dataclasses import dataclass, replace

from edge.contract.audio import AudioSpec
from edge.detection import Clip, Detection, Extension, Record
from edge.source.framing import Window
from edge.tape import Tape


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


class Cutter:
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
        self._tape = Tape(self._samples(longest_s) + 3 * self._beside)
        self._wanted: dict[str, _Wanted] = {}

    def hear(self, window: Window) -> list[Clip]:
        """Take the next window.

        Returns:
            The clips that end with a gap before it.
        """
        ended = list(self.finish()) if window.start_sample > self._tape.end else []
        self._tape.add(window)
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
        for one in list(self._wanted.values()):
            if heard_to >= one.end_sample + self._beside:
                yield from self._cut(one)

    def finish(self) -> Iterator[Clip]:
        """The source has ended: the rest, as far as it goes."""
        for one in list(self._wanted.values()):
            yield from self._cut(one)

    def _want(self, one: _Wanted, end_s: float) -> None:
        end = self._samples(end_s + self._config.after_s)
        most = one.start_sample + self._samples(self._config.most_s)
        self._wanted[one.detection.id] = replace(one, end_sample=min(end, most))

    def _cut(self, one: _Wanted) -> Iterator[Clip]:
        del self._wanted[one.detection.id]
        start, end = one.start_sample, one.end_sample
        before = len(self._tape.cut(start - self._beside, start))
        length = len(self._tape.cut(start, end))
        around = self._tape.cut(start - self._beside, end + self._beside)
        if length:
            samples = around[before : before + length]  # a view: clips wait in memory
            yield Clip(one.detection, samples, self._rate_hz, around)

    def _samples(self, seconds: float) -> int:
        return round(seconds * self._rate_hz)
