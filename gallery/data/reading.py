"""Sound of an item: a whole file, a part of one in time, or a file within an archive."""

import numpy as np

from edge.contract.arrays import Float32s
from edge.contract.audio import Waveform
from edge.contract.errors import AudioError
from edge.contract.float_level import float_level
from edge.source.byte_range import ByteRange
from edge.source.channels import MIX, mixdown
from edge.source.libsndfile import FLOATS
from edge.source.recording import MIN_HZ, MIN_S, read_blocks, read_recording
from edge.source.riff import misleading_layout
from gallery.data.dataset import Item

_ENDLESS = 1 << 40
"""Samples that no recording has: a header that doesn't know says more."""


def read_item(item: Item) -> tuple[Waveform, int]:
    """A recording, or the part of it that an item is: float32[samples] and its rate in Hz.

    Floats beyond full scale, numbers that are none, and broken channels are dealt with as in a
    whole recording; where only a part was read, by what that holds.

    Raises:
        AudioError: the recording is unreadable, or ends before enough of the part was heard.
    """
    if item.is_whole:
        return read_recording(item.path)
    found, rate_hz = _sought(item) or _decoded(item)
    if not len(found):
        raise AudioError(f"{item.path}: ends before {item.begin_s:g} s, where the part begins")
    if len(found) < MIN_S * rate_hz:
        raise AudioError(
            f"{item.path}: holds {len(found) / rate_hz:.4f} s of the part that begins at "
            f"{item.begin_s:g} s, too short to hear a bird in; at least {MIN_S} s is needed"
        )
    return found, rate_hz


def header_s(item: Item) -> float:
    """Seconds of an item's whole recording as its header says; 0 if libsndfile can't tell."""
    import soundfile

    try:
        if item.span:
            with ByteRange(item.path, *item.span) as content, soundfile.SoundFile(content) as file:
                return _told_s(file.frames, file.samplerate)
        if (layout := misleading_layout(item.path)) is not None:
            return _told_s(layout.size // layout.form.frame_bytes, layout.rate_hz)
        with soundfile.SoundFile(item.path) as file:
            return _told_s(file.frames, file.samplerate)
    except (OSError, RuntimeError):
        return 0.0


def _told_s(samples: int, rate_hz: int) -> float:
    return samples / rate_hz if samples < _ENDLESS else 0.0


def _sought(item: Item) -> tuple[Waveform, int] | None:
    """The part, without decoding what is before it; None if that can't be relied on."""
    import soundfile

    try:
        if item.span or misleading_layout(item.path) is not None:
            return None
        with soundfile.SoundFile(item.path) as file:
            rate_hz, is_float = file.samplerate, file.subtype in FLOATS
            begin = round(item.begin_s * rate_hz)
            end = file.frames if item.end_s is None else round(item.end_s * rate_hz)
            if rate_hz < MIN_HZ or file.frames >= _ENDLESS or file.seek(begin) != begin:
                return None
            samples = file.read(max(end - begin, 0), "float32", always_2d=True)
    except (OSError, RuntimeError):
        return None
    return (_mono(samples, is_float), rate_hz) if len(samples) else None


def _mono(samples: Float32s, is_float: bool) -> Waveform:
    sound = float_level([samples]).apply(samples) if is_float else samples
    return mixdown(MIX, sound).apply(sound)


def _decoded(item: Item) -> tuple[Waveform, int]:
    kept, rate_hz = [], 1
    for block in read_blocks(item.path, span=item.span):
        rate_hz = block.rate_hz
        begin = max(round(item.begin_s * rate_hz) - block.first_sample, 0)
        end = None if item.end_s is None else round(item.end_s * rate_hz) - block.first_sample
        if end is not None and end <= 0:
            break
        kept.append(block.samples[begin:end])
    return np.concatenate([np.empty(0, np.float32), *kept]), rate_hz
