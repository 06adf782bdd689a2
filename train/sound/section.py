"""Sections of recordings: an item that is a part of a file, and windows of what is too long."""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import replace

import numpy as np
from tqdm import tqdm

from edge.contract.audio import Waveform
from edge.contract.errors import AudioError
from edge.source.recording import read_blocks, read_recording
from gallery.data.dataset import Item


def read_item(item: Item) -> tuple[Waveform, int]:
    """A recording, or the part of it that an item is: float32[samples] and its rate in Hz.

    Raises:
        AudioError: the recording is unreadable, or ends before the part begins.
    """
    if item.is_whole:
        return read_recording(item.path)
    found, rate_hz = _sought(item) or _decoded(item)
    if not len(found):
        raise AudioError(f"{item.path}: ends before {item.begin_s:g} s, where the part begins")
    return found, rate_hz


def sections(items: Sequence[Item], most_s: float, section_s: float) -> list[Item]:
    """Items of which none lasts longer than a limit: of a longer one, sections of it.

    They are spread evenly over the recording and do not overlap; together they last `most_s`.

    Args:
        items: recordings.
        most_s: seconds of a recording that are kept; 0 keeps it whole.
        section_s: of a section.
    """
    if not most_s:
        return list(items)
    found = tqdm(items, "lengths", disable=None)
    return [part for item in found for part in _sections(item, max(most_s, section_s), section_s)]


def section_shares(items: Sequence[Item]) -> list[float]:
    """Chances of sections to be drawn, such that those of a recording count as one."""
    counts = Counter(item.path for item in items if not item.is_whole)
    return [1 / counts[item.path] if counts and not item.is_whole else 1.0 for item in items]


def _sections(item: Item, most_s: float, section_s: float) -> Iterator[Item]:
    length_s = _length_s(item) if item.is_whole else 0.0
    if length_s <= most_s:
        yield item
        return
    for begin_s in np.linspace(0, length_s - section_s, max(1, int(most_s / section_s))):
        begin = round(float(begin_s), 3)
        yield replace(item, begin_s=begin, end_s=round(begin + section_s, 3))


def _length_s(item: Item) -> float:
    """Of a file as its header says; 0 if it doesn't."""
    import soundfile

    try:
        return float(soundfile.info(item.path).duration)
    except (OSError, RuntimeError):
        return 0.0


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
