"""Sound of an item: a whole file, a part of one in time, or a file within an archive."""

import numpy as np

from edge.contract.audio import Waveform
from edge.contract.errors import AudioError
from edge.source import libsndfile
from edge.source.libsndfile import UnknownFormat
from edge.source.recording import read_blocks, read_recording
from gallery.data.dataset import Item


def read_item(item: Item) -> tuple[Waveform, int]:
    """A recording, or the part of it that an item is: float32[samples] and its rate in Hz.

    Raises:
        AudioError: the recording is unreadable, or ends before the part begins.
    """
    if item.is_whole:
        return read_recording(item.path)
    found, rate_hz = _archived(item) if item.span else (_sought(item) or _decoded(item))
    if not len(found):
        raise AudioError(f"{item.path}: ends before {item.begin_s:g} s, where the part begins")
    return found, rate_hz


def _archived(item: Item) -> tuple[Waveform, int]:
    try:
        with libsndfile.decode(item.path, item.span) as decoding:
            whole = np.concatenate([part.mean(axis=1) for part in decoding.parts])
            rate_hz = decoding.rate_hz
    except (UnknownFormat, ValueError) as error:
        raise AudioError(f"{item.path}, bytes {item.span}: not readable ({error})") from error
    end = None if item.end_s is None else round(item.end_s * rate_hz)
    return whole[round(item.begin_s * rate_hz) : end], rate_hz


def _sought(item: Item) -> tuple[Waveform, int] | None:
    """The part, without decoding what is before it; None if libsndfile can't."""
    import soundfile

    try:
        with soundfile.SoundFile(item.path) as file:
            begin = round(item.begin_s * file.samplerate)
            end = file.frames if item.end_s is None else round(item.end_s * file.samplerate)
            if file.seek(min(begin, file.frames)) != begin:
                return np.empty(0, np.float32), file.samplerate
            samples = file.read(max(end - begin, 0), "float32", always_2d=True)
            return samples.mean(axis=1), file.samplerate
    except (OSError, RuntimeError):
        return None


def _decoded(item: Item) -> tuple[Waveform, int]:
    kept, rate_hz = [], 1
    for block in read_blocks(item.path):
        rate_hz = block.rate_hz
        begin = max(round(item.begin_s * rate_hz) - block.first_sample, 0)
        end = None if item.end_s is None else round(item.end_s * rate_hz) - block.first_sample
        if end is not None and end <= 0:
            break
        kept.append(block.samples[begin:end])
    return np.concatenate([np.empty(0, np.float32), *kept]), rate_hz
