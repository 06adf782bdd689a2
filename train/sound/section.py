"""Sections of recordings: of what is too long, parts that are drawn as if they were one."""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import replace

import numpy as np
from tqdm import tqdm

from gallery.data.dataset import Item
from gallery.data.reading import header_s


def sections(items: Sequence[Item], most_s: float, section_s: float) -> list[Item]:
    """Items of which none lasts longer than a limit: of a longer one, sections of it.

    They are spread evenly over the recording and do not overlap; together they last `most_s`.
    What is a part already, as a window of BEANS, stays as it is, and so does what doesn't tell its
    length without being decoded: a form that only ffmpeg reads, a FLAC out of a pipe.

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
    counts = Counter((item.path, item.span) for item in items if item.is_section)
    return [1 / counts[item.path, item.span] if item.is_section else 1.0 for item in items]


def _sections(item: Item, most_s: float, section_s: float) -> Iterator[Item]:
    length_s = header_s(item) if not item.begin_s and item.end_s is None else 0.0
    if length_s <= most_s:
        yield item
        return
    for begin_s in np.linspace(0, length_s - section_s, max(1, int(most_s / section_s))):
        begin = round(float(begin_s), 3)
        end = round(begin + section_s, 3)
        yield replace(item, begin_s=begin, end_s=end, is_section=True)
