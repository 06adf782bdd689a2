"""Blocks of any rate and size to overlapping windows of the encoder's rate."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from edge.contract.audio import AudioSpec, Waveform, repeat_pad
from edge.source.block import Block


@dataclass(frozen=True)
class Window:
    """One encoder input."""

    start_sample: int
    """At the encoder's rate, since the source's start."""
    samples: Waveform
    """float32[window_samples]."""


class Framer:
    """Cut a stream into windows one hop apart, whatever the block sizes.

    `finish` adds the last window: aligned to the stream's end, or, when the whole stream is
    shorter than a window, the stream tiled ("repeatpad").
    """

    def __init__(self, spec: AudioSpec, start_sample: int = 0) -> None:
        self._spec = spec
        self._pending = np.empty(0, np.float32)
        self._tail = self._pending
        self._start = start_sample
        self._framed_end = start_sample

    def push(self, samples: Waveform) -> Iterator[Window]:
        """Yield every window that these samples complete."""
        self._pending = np.concatenate([self._pending, samples])
        while len(self._pending) >= self._spec.window_samples:
            yield self._cut(self._pending[: self._spec.window_samples])
            self._advance(self._spec.hop_samples)

    def finish(self) -> Iterator[Window]:
        """Yield the last window if samples remain that no window held."""
        end = self._start + len(self._pending)
        if end <= self._framed_end or not len(self._pending):
            return
        missing = self._spec.window_samples - len(self._pending)
        if len(self._tail):
            self._pending = np.concatenate([self._tail[-missing:], self._pending])
            self._start -= missing
        yield self._cut(repeat_pad(self._pending, self._spec.window_samples))

    def _cut(self, samples: Waveform) -> Window:
        self._framed_end = self._start + self._spec.window_samples
        return Window(self._start, samples.copy())

    def _advance(self, samples: int) -> None:
        # The tail lets finish() align the last window to the stream's end.
        self._tail = self._pending[:samples]
        self._pending = self._pending[samples:]
        self._start += samples


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


class _Segment:
    """A run of blocks without a gap."""

    def __init__(self, block: Block, spec: AudioSpec) -> None:
        self.rate_hz = block.rate_hz
        self.end_sample = block.first_sample
        self._resampler = Resampler(block.rate_hz, spec.sample_rate_hz)
        start = block.first_sample * spec.sample_rate_hz // block.rate_hz
        self._framer = Framer(spec, start)

    def holds(self, block: Block) -> bool:
        return block.first_sample == self.end_sample and block.rate_hz == self.rate_hz

    def push(self, block: Block) -> Iterator[Window]:
        self.end_sample = block.end_sample
        yield from self._framer.push(self._resampler.push(block.samples))

    def finish(self) -> Iterator[Window]:
        yield from self._framer.push(self._resampler.finish())
        yield from self._framer.finish()


def frame_blocks(blocks: Iterable[Block], spec: AudioSpec) -> Iterator[Window]:
    """Resample and frame a stream; after a gap or a change of rate everything starts afresh."""
    segment = None
    for block in blocks:
        if segment is None or not segment.holds(block):
            if segment is not None:
                yield from segment.finish()
            segment = _Segment(block, spec)
        yield from segment.push(block)
    if segment is not None:
        yield from segment.finish()


def frame_waveform(waveform: Waveform, rate_hz: int, spec: AudioSpec) -> Iterator[Window]:
    """Frame a whole recording, float32[samples] at any rate."""
    return frame_blocks([Block(waveform, rate_hz, 0)], spec)


def resample(waveform: Waveform, rate_hz: int, target_hz: int) -> Waveform:
    """Resample a whole recording, float32[samples]: what `Resampler` gives, in half the time."""
    import soxr

    if rate_hz == target_hz:
        return waveform
    resampled: Waveform = soxr.resample(waveform, rate_hz, target_hz)
    return resampled
