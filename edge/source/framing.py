"""Blocks of any rate and size to overlapping windows of the encoder's rate."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace

import numpy as np

from edge.contract.audio import Waveform, repeat_pad
from edge.contract.audio_spec import AudioSpec
from edge.source.block import Block
from edge.source.resampling import Resampler


@dataclass(frozen=True)
class Window:
    """One encoder input."""

    start_sample: int
    """At the encoder's rate, since the source's start."""
    samples: Waveform
    """float32[window_samples]; windows that overlap share their memory."""
    ended_ns: int | None = None
    """Clock of the machine (CLOCK_MONOTONIC) at its end; None for a file."""
    real_samples: int | None = None
    """What follows repeats it, for the stream was shorter than a window; None: nothing does."""
    hop_samples: int | None = None
    """Distance from the window before; None: as the source's spec has it."""

    @property
    def end_sample(self) -> int:
        """End of its sound."""
        real = len(self.samples) if self.real_samples is None else self.real_samples
        return self.start_sample + real


class Framer:
    """Cut a stream into windows one hop apart, whatever the block sizes.

    `finish` adds the last window: aligned to the stream's end, or, when the whole stream is
    shorter than a window, the stream tiled ("repeatpad").

    Args:
        spec: rate and window; and the hop, unless one is given.
        start_sample: where the stream begins.
        hop: asked for the hop in samples after each window.
    """

    def __init__(
        self, spec: AudioSpec, start_sample: int = 0, hop: Callable[[], int] | None = None
    ) -> None:
        self._spec, self._hop = spec, hop or (lambda: spec.hop_samples)
        self._hop_samples = self._hop()
        self._pending = np.empty(0, np.float32)
        self._tail = self._pending
        self._start = start_sample
        self._framed_end = start_sample

    def push(self, samples: Waveform) -> Iterator[Window]:
        """Yield every window that these samples complete."""
        self._pending = np.concatenate([self._pending, samples])
        while len(self._pending) >= self._spec.window_samples:
            yield self._cut(self._pending[: self._spec.window_samples])
            self._advance()

    def finish(self) -> Iterator[Window]:
        """Yield the last window if samples remain that no window held."""
        end = self._start + len(self._pending)
        if end <= self._framed_end or not len(self._pending):
            return
        missing, real = self._spec.window_samples - len(self._pending), None
        if len(self._tail):
            self._pending = np.concatenate([self._tail[-missing:], self._pending])
            self._start -= missing
        else:
            real = len(self._pending)
        whole = self._cut(repeat_pad(self._pending, self._spec.window_samples))
        yield replace(whole, real_samples=real)

    def _cut(self, samples: Waveform) -> Window:
        self._framed_end = self._start + self._spec.window_samples
        return Window(self._start, samples, hop_samples=self._hop_samples)

    def _advance(self) -> None:
        self._hop_samples = hop = self._hop()
        # The tail lets finish() align the last window to the stream's end.
        self._tail = self._pending[:hop]
        self._pending = self._pending[hop:]
        self._start += hop


class _Segment:
    """A run of blocks without a gap."""

    def __init__(self, block: Block, spec: AudioSpec, hop: Callable[[], int] | None) -> None:
        self.rate_hz, self._target_hz = block.rate_hz, spec.sample_rate_hz
        self.end_sample = block.first_sample
        self._ended_ns: int | None = None
        self._resampler = Resampler(block.rate_hz, spec.sample_rate_hz)
        start = block.first_sample * spec.sample_rate_hz // block.rate_hz
        self._framer = Framer(spec, start, hop)

    def holds(self, block: Block) -> bool:
        return block.first_sample == self.end_sample and block.rate_hz == self.rate_hz

    def push(self, block: Block) -> Iterator[Window]:
        self.end_sample, self._ended_ns = block.end_sample, block.monotonic_ns
        for window in self._framer.push(self._resampler.push(block.samples)):
            yield self._timed(window)

    def finish(self) -> Iterator[Window]:
        rest = self._resampler.finish()
        for window in (*self._framer.push(rest), *self._framer.finish()):
            yield self._timed(window)

    def _timed(self, window: Window) -> Window:
        if self._ended_ns is None:
            return window
        behind_s = self.end_sample / self.rate_hz - window.end_sample / self._target_hz
        return replace(window, ended_ns=self._ended_ns - int(behind_s * 1e9))


def frame_blocks(
    blocks: Iterable[Block], spec: AudioSpec, hop: Callable[[], int] | None = None
) -> Iterator[Window]:
    """Resample and frame a stream; after a gap or a change of rate everything starts afresh.

    Args:
        blocks: the stream.
        spec: rate and window; and the hop, unless one is given.
        hop: asked for the hop in samples after each window.
    """
    segment = None
    for block in blocks:
        if segment is not None and not segment.holds(block):
            yield from segment.finish()
            segment = None
        if not len(block.samples):
            continue
        segment = segment or _Segment(block, spec, hop)
        yield from segment.push(block)
    if segment is not None:
        yield from segment.finish()


def frame_waveform(waveform: Waveform, rate_hz: int, spec: AudioSpec) -> Iterator[Window]:
    """Frame a whole recording, float32[samples] at any rate."""
    return frame_blocks([Block(waveform, rate_hz, 0)], spec)
