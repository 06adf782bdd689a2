"""A rejected sound is not reported again, and what was confirmed is; others go on."""

import numpy as np
import pytest

from edge.contract.bundle import load_bundle
from edge.contract.calibration import LikenessMap
from edge.decision.rules import Decision
from edge.pipeline.effect import Weighing, differing
from edge.recognition.background import newer
from edge.recognition.overlay import Learnt
from edge.recognition.rejects import Rejects
from edge.records.evidence import Decided, Evidence
from tests.support.factories import unit_rows

IDS = ["a", "b"]
SURE = LikenessMap((0.5, 0.9), (0.0, 1.0))


def near(row: np.ndarray, cosine: float, seed: int = 3) -> np.ndarray:
    """Rows at a cosine with another."""
    other = unit_rows(1, seed).astype(np.float32)[0]
    base = row.astype(np.float32) / np.linalg.norm(row.astype(np.float32))
    other -= (other @ base) * base
    return (cosine * base + np.sqrt(1 - cosine**2) * other / np.linalg.norm(other))[None]


def rejects(rejected=None, mistaken=None, exemplars=None, likeness=SURE) -> Rejects:
    return Rejects(IDS, rejected, mistaken or {}, exemplars or {}, likeness)


def test_without_rejected_sounds_nothing_is_doubted() -> None:
    assert rejects(exemplars={"a": unit_rows(1, 1)}).doubt(unit_rows(1, 1), 2) is None


@pytest.mark.parametrize(("cosine", "doubt"), [(1.0, 1), (0.95, 1), (0.7, 0.5), (0.3, 0)])
def test_doubt_grows_with_likeness(cosine: float, doubt: float) -> None:
    row = unit_rows(1, 1)
    found = rejects(row).doubt(near(row[0], cosine), 2)
    assert found == pytest.approx(np.full((1, 2), doubt), abs=0.01)


def test_a_sound_taken_for_another_bird_is_none_of_that_one_alone() -> None:
    row = unit_rows(1, 1)
    found = rejects(mistaken={"b": row}).doubt(row.astype(np.float32), 2)
    assert found == pytest.approx(np.array([[0, 1]]), abs=0.01)


def test_what_sounds_more_like_a_confirmed_one_is_not_doubted() -> None:
    row = unit_rows(1, 1)
    window = near(row[0], 0.95)
    exemplars = {"a": window.astype(np.float16)}
    assert rejects(row, exemplars=exemplars).doubt(window, 2) == pytest.approx(0)
    again = rejects(row, exemplars=exemplars).doubt(row.astype(np.float32), 2)
    assert again == pytest.approx(1, abs=0.01)


def test_without_a_map_only_what_is_the_same_is_doubted() -> None:
    row = unit_rows(1, 1)
    known = rejects(row, likeness=None)
    assert known.doubt(row.astype(np.float32), 2).min() > 0.5
    assert known.doubt(near(row[0], 0.99), 2).max() == 0


def test_thousands_of_rejected_sounds_cost_no_more_than_some() -> None:
    many = rejects(unit_rows(5000, 1), {"a": unit_rows(5000, 2)}, {"b": unit_rows(5000, 3)})
    assert len(many._rejected) <= 512
    assert len(many._mistaken._rows) <= 64
    crowd = {f"s{n}": unit_rows(9, n) for n in range(5000)}
    assert len(rejects(unit_rows(1, 1), exemplars=crowd)._confirmed._rows) <= 5000


@pytest.mark.parametrize("count", [513, 5000])
def test_the_newest_verdict_counts_however_many_there_are(count: int) -> None:
    rows = unit_rows(count, 1)
    newest = rows[-2:].astype(np.float32)
    assert rejects(rows).doubt(newest, 2).min() > 0.99
    assert rejects(mistaken={"b": rows}).doubt(newest, 2)[:, 1].min() > 0.99
    confirmed = rejects(rows, exemplars={"a": rows})
    assert not confirmed.doubt(newest, 2).any()


@pytest.mark.parametrize("most", [1, 2, 5, 64])
def test_of_many_rows_the_newer_stay(most: int) -> None:
    rows = np.arange(200, dtype=np.float32)[:, None]
    found = newer(rows, most)[:, 0]
    assert len(found) <= most
    assert np.array_equal(found, np.unique(found))
    assert np.array_equal(found[-((most + 1) // 2) :], rows[-((most + 1) // 2) :, 0])
    assert most == 1 or found[0] == 0
    assert newer(rows[:most], most) is not None


def test_a_rejected_window_is_no_hit_when_it_is_weighed_either(bundle_path) -> None:
    """At a threshold below what a doubt leaves of a probability, too."""
    bundle = load_bundle(bundle_path)
    rows = bundle.gallery.rows[:1]
    decided = [Decided(Evidence("one", rows[0]), bundle.gallery.table[0].species_id, 1, True)]
    weighing = Weighing(
        bundle, "fp32", species_set=None, chosen=None, decision=Decision(threshold=0.0)
    )
    assert weighing.effect(decided, Learnt(), Learnt(rejected=np.array(rows))).records == 1


def test_a_lesson_changes_the_decisions_that_it_is_about(bundle_path) -> None:
    bundle = load_bundle(bundle_path)
    rows = bundle.gallery.rows
    decided = []
    for n, was_reported in ((0, True), (30, False)):
        name = bundle.gallery.table[n].species_id
        windows = Evidence(name, rows[n], rows[n + 1 : n + 2])
        decided.append(Decided(windows, name, 2, was_reported))
    weighing = Weighing(bundle, "fp32", species_set=None, chosen=None, decision=Decision())
    same = weighing.effect(decided, Learnt(), Learnt())
    assert (same.records, same.all_records, same.candidates, same.all_candidates) == (0, 1, 0, 1)
    found = weighing.effect(decided, Learnt(), Learnt(rejected=np.array(rows[:2])))
    assert (found.records, found.candidates) == (1, 0)
    assert found.total == "1 of 2"
    taught = Learnt(exemplars={"strix_aluco": np.array(rows[30:32])})
    assert weighing.effect(decided, Learnt(), taught).candidates <= 1
    assert "0 of 0 records" in str(weighing.effect([], Learnt(), taught))


def test_what_nothing_new_was_learnt_about_is_decided_as_before() -> None:
    first = Learnt(exemplars={"a": unit_rows(2, 1), "b": unit_rows(1, 2)})
    second = Learnt(exemplars={"a": unit_rows(2, 1), "b": unit_rows(3, 2)})
    assert len(differing(first, first)) == 0
    assert len(differing(first, second)) == 4  # the rows of b, before and after
    assert len(differing(second, Learnt(rejected=unit_rows(1, 3)))) == 6
    assert differing(first, Learnt(background=unit_rows(1, 3))) is None
