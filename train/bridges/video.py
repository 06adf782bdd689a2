"""Decoding of video files: frames at given moments, and the sound; needs PyAV.

A clip begins where its container does. Nothing is made up: what can't be decoded is an error.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from edge.contract.arrays import Float32s
from edge.contract.audio import Waveform
from edge.contract.errors import AudioError, MissingPackageError, PictureError
from edge.source.channels import MIX, mixdown
from edge.source.recording import MIN_HZ, MIN_S
from edge.source.resampling import resample

if TYPE_CHECKING:
    from PIL.Image import Image

SUFFIXES = (".mp4", ".mkv", ".webm", ".mov", ".avi", ".m4v", ".mpg", ".mpeg", ".3gp")
"""Of files that may hold pictures."""
_MICROSECONDS = 1_000_000
_MISSING_S = 1.0
"""Past its last frame a video may be asked for so much; later, it has been cut short."""


def read_frames(path: Path, times_s: Sequence[float]) -> "list[Image]":
    """Frames that are shown at some moments, in RGB, the right way up.

    Args:
        path: of the video.
        times_s: in any order; a moment before the first frame gives that one.

    Raises:
        PictureError: no video, damaged, or it ends before one of the moments.
        MissingPackageError: PyAV is not installed.
    """
    order = np.argsort(times_s, kind="stable")
    wanted, found = [times_s[n] for n in order], list[Any]()
    with _opened(path, PictureError) as container:
        last, end_s = None, 0.0
        for frame, begin_s in _frames(path, container):
            while last is not None and len(found) < len(wanted) and wanted[len(found)] < begin_s:
                found.append(_upright(last))
            last, end_s = frame, begin_s + float((frame.duration or 0) * frame.time_base)
            if len(found) == len(wanted):
                break
        if last is None:
            raise PictureError(f"{path}: holds no frame; copy it again")
        left = wanted[len(found) :]
        if left and left[-1] > end_s + _MISSING_S:
            raise PictureError(
                f"{path}: ends at {end_s:.2f} s, a frame at {left[-1]:.2f} s was expected; "
                "copy it again"
            )
        found += [_upright(last)] * len(left)
    return [found[place] for place in np.argsort(order, kind="stable")]


def video_length_s(path: Path) -> float:
    """Length of a video as its header says, in seconds.

    Raises:
        PictureError: no video, or a header that doesn't tell.
        MissingPackageError: PyAV is not installed.
    """
    with _opened(path, PictureError) as container:
        stream = _stream(path, container)
        if stream.duration and stream.time_base:
            return float(stream.duration * stream.time_base)
        if container.duration:
            return float(container.duration) / _MICROSECONDS
    raise PictureError(f"{path}: its header tells no length; convert it to MP4")


def frame_times(length_s: float, count: int) -> list[float]:
    """Moments in the middle of so many equal parts of a clip, in seconds."""
    return [(n + 0.5) / count * length_s for n in range(count)]


def read_sound(path: Path, rate_hz: int) -> Waveform:
    """The whole sound of a video, or of a sound file: float32[samples], mono, from its beginning.

    Args:
        path: of the file.
        rate_hz: that it is resampled to.

    Raises:
        AudioError: no sound, damaged, or too short to hear anything in.
        MissingPackageError: PyAV is not installed.
    """
    with _opened(path, AudioError) as container:
        if not container.streams.audio:
            raise AudioError(f"{path}: has no sound")
        stream = container.streams.audio[0]
        own_hz, begin_s, parts = stream.rate, None, list[Any]()
        for frame in _alike(path, _decoded(path, container, stream, AudioError)):
            if begin_s is None and frame.pts is not None:
                before = sum(part.shape[1] for part in parts)
                begin_s = _begin_s(container, frame) - before / frame.sample_rate
            own_hz = frame.sample_rate
            parts.append(frame.to_ndarray())
    samples = np.concatenate(parts, axis=1) if parts else np.empty((1, 0), np.float32)
    if own_hz < MIN_HZ or samples.shape[1] < MIN_S * own_hz:
        raise AudioError(f"{path}: holds less than {MIN_S} s of sound; copy it again")
    return resample(_placed(_mono(path, samples.T), begin_s or 0.0, own_hz), own_hz, rate_hz)


def _alike(path: Path, frames: Iterator[Any]) -> Iterator[Any]:
    """Frames of sound as float32, of the first one's channels and rate: both may change midway.

    Raises:
        AudioError: a frame can't be brought to that.
    """
    import av

    first: Any = None
    make = partial(av.AudioResampler, format="fltp")
    resampler, kind = make(), None
    try:
        for frame in frames:
            first = first or frame
            told = frame.format.name, frame.layout.name, frame.sample_rate
            if told != kind:
                yield from resampler.resample(None)
                resampler, kind = make(layout=first.layout, rate=first.sample_rate), told
            yield from resampler.resample(frame)
        yield from resampler.resample(None)
    except (av.FFmpegError, ValueError) as problem:
        raise AudioError(
            f"{path}: its sound changes midway, or can't be converted ({problem}); convert it to "
            "one of a single rate and layout"
        ) from problem


def _mono(path: Path, samples: Float32s) -> Waveform:
    if not np.isfinite(samples).all():
        raise AudioError(f"{path}: its sound holds numbers that are none; convert it again")
    sound = np.ascontiguousarray(samples)
    return mixdown(MIX, sound).apply(sound)


def _placed(sound: Waveform, begin_s: float, rate_hz: int) -> Waveform:
    """The sound from the clip's beginning: mute before it sets in, without what an encoder pads."""
    shift = round(begin_s * rate_hz)
    return sound[-shift:] if shift < 0 else np.pad(sound, (shift, 0))


def _frames(path: Path, container: Any) -> Iterator[tuple[Any, float]]:
    """Frames in the order that they are shown, each with its moment in seconds."""
    stream = _stream(path, container)
    for frame in _decoded(path, container, stream, PictureError):
        if frame.pts is not None:
            yield frame, _begin_s(container, frame)


def _decoded(path: Path, container: Any, stream: Any, error: type[Exception]) -> Iterator[Any]:
    import av

    try:
        yield from container.decode(stream)
    except av.FFmpegError as problem:
        raise error(f"{path}: damaged ({problem.strerror}); copy it again") from problem


def _stream(path: Path, container: Any) -> Any:
    if not container.streams.video:
        raise PictureError(f"{path}: has no pictures, only sound")
    return container.streams.video[0]


def _begin_s(container: Any, frame: Any) -> float:
    return float(frame.time - (container.start_time or 0) / _MICROSECONDS)


def _upright(frame: Any) -> "Image":
    """The frame as a phone's display matrix wants it shown."""
    image: Image = frame.to_image()
    return image.rotate(frame.rotation, expand=True) if frame.rotation else image


@contextmanager
def _opened(path: Path, error: type[Exception]) -> Iterator[Any]:
    """A container that is open.

    Raises:
        error: it can't be opened.
        MissingPackageError: PyAV is not installed.
    """
    try:
        import av
    except ImportError as missing:
        raise MissingPackageError("videos need PyAV: pip install 'av>=14'") from missing
    try:
        container = av.open(str(path))
    except (av.FFmpegError, OSError) as problem:
        told = problem.strerror or problem
        raise error(f"{path}: not readable as a video ({told}); copy it again") from problem
    with container:
        yield container
