"""Scores that are equally unlikely for background, whatever species they are of."""

import numpy as np
import pytest

from edge.contract.calibration import Calibration
from edge.search import Search
from edge.tail import Tail
from tests.test_search import IDS, crowd, gallery, unit

BANK = unit(200, 2)


def test_equal_scores_are_equally_unlikely_for_every_species() -> None:
    widths = np.array([0.5, 1.0, 4.0])
    background = (3 + np.random.default_rng(0).exponential(widths, (200_000, 3))).astype(np.float32)
    tail = Tail.of(background[::2])
    found = tail.standardised(background[1::2])
    for level in (0, 1, 2):
        share = (found > level).mean(axis=0)
        assert share == pytest.approx(0.05 * np.exp(-level), rel=0.15)


@pytest.mark.parametrize("value", [0.0, 5.0])
def test_background_that_is_all_alike_blows_nothing_up(value: float) -> None:
    tail = Tail.of(np.full((50, 2), value, np.float32))
    assert tail.standardised(np.array([value, value + 3], np.float32)) == pytest.approx([0, 10])


def test_a_species_that_background_is_often_like_has_to_show_more() -> None:
    rows = gallery().rows.astype(np.float32)
    crickets = near(rows[3], 20, seed=9)  # like a picture of "c"
    bank = np.concatenate([unit(380, 2), crickets.astype(np.float16)])
    another, bird = near(rows[3], 1, seed=10), near(rows[8], 1, seed=10)  # a picture of "d"
    search = Search(gallery(), IDS, 1, bank, tail=True)
    heard, sung = search.scores(another), search.scores(bird)
    c, d = IDS.index("c"), IDS.index("d")
    assert heard.score[0, c] > 0.7 * sung.score[0, d]
    assert heard.excess[0, c] < 0.5 * sung.excess[0, d]


def near(row: np.ndarray, count: int, seed: int) -> np.ndarray:
    """float32[count, dim] around a row."""
    rows = row + 0.3 * unit(count, seed, np.float32)
    return (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)


@pytest.mark.parametrize("many_rows", [1, 10_000])
def test_which_species_it_is_stays_a_matter_of_scores(many_rows: int) -> None:
    pictures, ids = crowd(400)
    queries = pictures.rows[::9].astype(np.float32)
    plain = Search(pictures, ids, 3, BANK, many_rows).scores(queries)
    found = Search(pictures, ids, 3, BANK, many_rows, tail=True).scores(queries)
    assert np.array_equal(found.score, plain.score)
    assert np.array_equal(found.similarity, plain.similarity)
    assert np.array_equal(plain.excess, plain.score)
    assert np.array_equal(found.score.argsort(axis=0), found.excess.argsort(axis=0))


def test_without_background_there_is_no_tail() -> None:
    found = Search(gallery(), IDS, 2, None, tail=True).scores(unit(5, 3, np.float32))
    assert np.array_equal(found.score, found.excess)


def test_a_sound_that_was_confirmed_is_measured_by_its_own_tail() -> None:
    query = unit(1, 5, np.float32)
    exemplars = {"a": query.astype(np.float16)}
    found = Search(gallery(), IDS, 2, BANK, exemplars=exemplars, tail=True).scores(query)
    a = IDS.index("a")
    assert found.similarity[0, a] == pytest.approx(1, abs=1e-3)
    assert found.score[0].argmax() == found.excess[0].argmax() == a
    heard = BANK.astype(np.float32) @ query[0]
    corrected = (heard - heard.mean()) / heard.std()
    own = np.array([[(1 - heard.mean()) / heard.std()]], np.float32)
    expected = Tail.of(corrected[:, None]).standardised(own)
    assert found.excess[0, a] == pytest.approx(expected[0, 0], rel=1e-2)


def test_a_calibration_says_whether_it_is_over_tails() -> None:
    known = Calibration((0.0, 1.0), (0.1, 0.9), 0.5, tail=True)
    assert Calibration.from_json(known.to_json()) == known
    before = {one: value for one, value in known.to_json().items() if one != "tail"}
    assert Calibration.from_json(before).tail is False
