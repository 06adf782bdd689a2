"""Rows of species that have one picture or thousands, neither of which costs the others."""

import tracemalloc

import numpy as np
import pytest

from edge.contract.bundle import npy_bytes
from edge.contract.gallery import Gallery, GalleryRow
from edge.contract.npy import rows_of
from edge.recognition.groups import Groups
from edge.recognition.search import Search
from tests.support.factories import unit_rows

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


def test_a_large_gallery_takes_less_memory_than_its_rows_in_float32():
    """The file's own bytes, which stay, are not among what is counted."""
    rows = np.tile(unit_rows(20_000, 1), 32)
    content = npy_bytes((rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float16))
    table = tuple(GalleryRow(f"s{n // 10}", "", "", "", "") for n in range(len(rows)))
    ids = sorted({row.species_id for row in table})
    peak = peak_bytes(lambda: Search(Gallery(rows_of(content), table), ids, 3, None))
    assert len(content) + peak < 1.3 * 4 * rows.size


def test_of_thousands_of_pictures_of_a_species_some_count_in_a_large_gallery():
    pictures, ids = gallery([1] * 30 + [5000])
    search = Search(pictures, ids, 3, BANK)
    place, query = ids.index("s30"), unit_rows(1, 5)[0].astype(np.float32)
    looked = [row for row, _ in search.best_rows(query, place, 9999)]
    assert sorted(looked) == list(range(30, 5030, 3))
    assert [row for row, _ in search.best_rows(query, 7, 9)] == [7]
