"""Tables of clips, and what a difference of two runs is worth."""

import numpy as np
import pytest

pytest.importorskip("torch")
from edge.contract.errors import DatasetError
from train.bridges.retrieval import ClipQuestions, Partners, compare, table
from train.measure.retrieval import PooledEmbeddings
from train.measure.species_sets import SpeciesSets


def unit(*rows: tuple[float, ...]) -> np.ndarray:
    found = np.array(rows, np.float32)
    return found / np.linalg.norm(found, axis=1, keepdims=True)


def asked(clips: SpeciesSets, letter: str, rows: np.ndarray, of: SpeciesSets) -> dict:
    """Answers of three clips; the second has two windows."""
    windows = unit((1, 0, 0.1), (0, 1, 0), (0.1, 0, 1), (0.5, 0, 1))
    heard = PooledEmbeddings(windows, np.array([0, 1, 1, 2]))
    return ClipQuestions(clips, {letter: Partners(rows, of)}).answers(heard)


def test_the_best_caption_of_a_clip_counts_and_each_caption_asks_by_itself():
    captions = unit((0, 0, 1), (1, 0, 0), (0, 1, 0), (0.9, 0.1, 0), (0.4, 0, 1))
    own = SpeciesSets(np.array([0, 0, 1, 1, 2]), np.arange(1, 6), 3)
    found = asked(SpeciesSets.each(3), "T", captions, own)
    assert list(found) == ["A->T", "T->A"]
    assert found["A->T"].values["rank"].tolist() == [1, 1, 1]
    # Captions 0 and 3 are of clips 0 and 1, and like another clip more.
    assert found["T->A"].values["rank"].tolist() == [3, 1, 1, 3, 1]
    rows = list(table(found))
    assert [row["queries"] for row in rows] == [3, 5]
    assert rows[1]["R@1"]["mean"] == pytest.approx(0.6)
    assert rows[1]["median rank"] == 1


def test_any_frame_of_the_species_is_right_and_what_nobody_sings_is_not_asked():
    frames = unit((0, 0, 1), (0, 1, 0), (1, 0, 0))
    clips = SpeciesSets.of([["a"], ["b"], ["a"]], ["a", "b", "c"])
    found = asked(clips, "I", frames, SpeciesSets.of([["a"], ["b"], ["c"]], ["a", "b", "c"]))
    assert found["A->I"].values["R@1"].tolist() == [0, 1, 1]
    assert found["I->A"].answerable.tolist() == [True, True, False]
    assert next(row for row in table(found) if row["task"] == "I->A")["queries"] == 2


def test_a_difference_is_paired_so_what_both_miss_does_not_blur_it():
    random = np.random.default_rng(1)
    hard = random.random(400)
    first, other = hard + 0.05, hard + random.normal(0, 0.01, 400)
    found = compare(first, other)
    assert found.mean == pytest.approx(0.05, abs=0.005)
    assert 0.04 < found.low < found.mean < found.high < 0.06
    assert compare(other, first).mean == pytest.approx(-found.mean)


def test_a_paired_interval_is_that_of_the_mean_difference():
    """Of 0, 1 and -1 the deviation of the mean is known."""
    values = np.array([1.0] * 60 + [0.0] * 120 + [-1.0] * 20)
    found = compare(values, np.zeros(200))
    deviation = values.std() / np.sqrt(200)
    assert found.mean == pytest.approx(0.2)
    assert found.high - found.low == pytest.approx(2 * 1.96 * deviation, rel=0.1)


def test_queries_that_stand_and_fall_together_widen_the_interval():
    gained = np.repeat([1.0, 0.0, 0.0, 1.0, 0.0, 1.0], 30)
    alone, together = (
        compare(gained, np.zeros(180), clusters) for clusters in (None, np.repeat(np.arange(6), 30))
    )
    assert together.mean == alone.mean == 0.5
    assert together.high - together.low > 3 * (alone.high - alone.low)


def test_several_trainings_are_averaged_query_by_query_and_the_unanswerable_left_out():
    first = np.array([[1, 0, np.nan, 1], [0, 0, np.nan, 1.0]])
    other = np.array([0, 1, np.nan, 1.0])
    assert compare(first, other).mean == pytest.approx((0.5 - 1 + 0) / 3)


def test_other_queries_are_refused():
    with pytest.raises(DatasetError, match="3 and 4 queries"):
        compare(np.zeros(3), np.zeros(4))
    with pytest.raises(DatasetError, match="same data and split"):
        compare(np.array([0, np.nan]), np.zeros(2))
