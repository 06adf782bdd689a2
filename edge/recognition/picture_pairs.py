"""Pairs of pictures of a gallery that are one photograph."""

from collections.abc import Callable, Mapping

import numpy as np

from edge.contract.gallery import Gallery
from edge.recognition.duplicates import looks_of, near

_PART = 1024
"""Rows that are compared with all at a time."""
_SAME = 0.995
"""Cosine of two rows: of 281,625 pairs of photographs none has more than 0.970, by the starter's
tower (scripts/bench/near_duplicates.py)."""


def same_pairs(
    gallery: Gallery, looks: Mapping[int, bytes], done: Callable[[int], object]
) -> set[tuple[int, int]]:
    """Pairs of rows that are of one photograph, by their embeddings or difference hashes.

    Args:
        gallery: of the rows.
        looks: difference hashes of the rows whose pictures are here.
        done: told of every so many rows.
    """
    return {*_by_rows(gallery, done), *_by_looks(looks)}


def _by_rows(gallery: Gallery, done: Callable[[int], object]) -> set[tuple[int, int]]:
    rows, pairs = gallery.rows, set[tuple[int, int]]()
    for begin in range(0, len(rows), _PART):
        part = rows[begin : begin + _PART].astype(np.float32)
        for other in range(begin, len(rows), _PART):
            cosine = part @ rows[other : other + _PART].astype(np.float32).T
            first, second = np.nonzero(cosine >= _SAME)
            found = zip((first + begin).tolist(), (second + other).tolist(), strict=True)
            pairs |= {(one, two) for one, two in found if one < two}
        done(len(part))
    return pairs


def _by_looks(looks: Mapping[int, bytes]) -> set[tuple[int, int]]:
    numbers, pairs = np.array(list(looks), np.intp), set[tuple[int, int]]()
    hashes = looks_of(list(looks.values()))
    for place, number in enumerate(numbers):
        same = numbers[place + 1 :][near(hashes[place + 1 :], hashes[place].tobytes())]
        pairs |= {(int(min(number, other)), int(max(number, other))) for other in same}
    return pairs
