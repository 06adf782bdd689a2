"""Rows of species that have one picture or thousands, neither of which costs the others."""

import tracemalloc

import numpy as np
import pytest

from edge.contract.gallery import Gallery, GalleryRow
from edge.recognition.groups import Groups
from edge.recognition.search import Search
from tests.support.factories import DIM, unit_rows

BANK = unit_rows(40, 2)
EVEN, UNEVEN = [2] * 1500, [1] * 1499 + [1501]


def gallery(counts):
    table = [
        GalleryRow(f"s{n}", "", "", "", "") for n, many in enumerate(counts) for _ in range(many)
    ]
    return Gallery(unit_rows(len(table), 1), tuple(table)), [f"s{n}" for n in range(len(counts))]


@pytest.mark.parametrize("counts", [[1], [3, 1, 2], [1, 1, 7, 1], [5, 5], [100, 1, 50, 1, 100]])
@pytest.mark.parametrize("top", [1, 2, 3, 60])
def test_the_best_rows_of_each_species_count(counts, top):
    values = np.random.default_rng(3).normal(size=(4, sum(counts))).astype(np.float32)
    ends = np.cumsum(counts)
    parts = [values[:, end - count : end] for end, count in zip(ends, counts, strict=True)]
    expected = [np.sort(part, axis=1)[:, -top:].mean(axis=1) for part in parts]
    found = Groups(np.array(counts)).best_means(values, top)
    assert found == pytest.approx(np.stack(expected, axis=1), abs=1e-6)


@pytest.mark.parametrize("step", [1, 2, 3, 5, 100])
def test_the_owners_of_any_rows_are_found(step):
    counts = [3, 1, 6, 1, 1, 8]
    owner, groups = np.repeat(np.arange(6), counts), Groups(np.array(counts))
    for begin in range(0, 20, step):
        part = owner[begin : begin + step]
        species, starts = groups.owners(begin, begin + len(part))
        assert np.array_equal(species, np.unique(part))
        assert np.array_equal(part[starts], species)
        assert starts[0] == 0


def peak_bytes(action):
    tracemalloc.start()
    try:
        action()
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("many_rows", [100, 10_000], ids=["shortlist", "every row"])
def test_one_species_with_many_pictures_costs_no_memory_for_the_others(many_rows):
    query = unit_rows(8, 5).astype(np.float32)
    peaks = []
    for counts in (EVEN, UNEVEN):
        pictures, ids = gallery(counts)
        assert pictures.members
        peaks.append(
            peak_bytes(lambda p=pictures, i=ids: Search(p, i, 3, BANK, many_rows).scores(query))
        )
    assert peaks[1] < 1.5 * peaks[0]


def test_a_species_with_many_pictures_is_scored_by_all_of_them_on_a_shortlist_too():
    pictures, ids = gallery([2] * 30 + [500])
    query = pictures.rows[-100:].astype(np.float32)
    every, some = (Search(pictures, ids, 3, None, many) for many in (10_000, 1))
    listed = some.scores(query)
    looked = listed.similarity > -1
    assert looked[:, -1].any()
    assert listed.score[looked] == pytest.approx(every.scores(query).score[looked], abs=1e-4)


def test_a_large_gallery_is_not_kept_in_float32():
    pictures, ids = gallery([20] * 1000)
    assert pictures.members
    wide = 4 * DIM * len(pictures.rows)
    small = peak_bytes(lambda: Search(pictures, ids, 3, BANK, many_rows=1))
    assert small < peak_bytes(lambda: Search(pictures, ids, 3, BANK, many_rows=10**6)) - wide / 2
