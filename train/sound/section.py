"""Sections of recordings: an item that is a part of a file, and windows of what is too long."""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import replace

import numpy as np
from tqdm import tqdm

from gallery.data.dataset import Item


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
    counts = Counter((item.path, item.span) for item in items if not item.is_whole)
    return [1.0 if item.is_whole else 1 / counts[item.path, item.span] for item in items]


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
