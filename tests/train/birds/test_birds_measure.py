"""Retrieval over folds: pooled windows, queries in their places, probes and maps."""

import json
import os
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch")
from edge.contract.errors import DatasetError  # noqa: E402
from train.birds.compare import differences, paired, summary  # noqa: E402
from train.birds.crossval import STUDENTS, student_folder  # noqa: E402
from train.birds.measure import MEASURED, alignment, measure_fold, pooled  # noqa: E402
from train.measure.baselines import mlp_map, unit  # noqa: E402
from train.measure.probe import fit_probe  # noqa: E402
from train.measure.retrieval import (  # noqa: E402
    LabelledEmbeddings,
    PooledEmbeddings,
    per_query,
    retrieval,
    species_scores,
)
from train.model.checkpoint import META  # noqa: E402

EYE = np.eye(3, dtype=np.float32)


def test_a_recording_is_as_near_as_its_nearest_window():
    embedded = PooledEmbeddings(EYE[[0, 1, 2, 2]], np.array([0, 0, 1, 1]))
    assert embedded.pooled(EYE).tolist() == [[1, 1, 0], [0, 0, 1]]


def test_retrieval_runs_both_ways_and_a_query_without_answer_keeps_its_place():
    embedded = PooledEmbeddings(EYE, np.arange(3))
    gallery = LabelledEmbeddings(EYE[[0, 1]], np.array(["a", "b"]))
    found = retrieval(embedded, np.array(["a", "a", "c"]), {"I": gallery})
    assert set(found) == {"A->I", "I->A"}
    forth, back = found["A->I"]["R@1"], found["I->A"]["R@1"]
    assert forth[:2] == [1, 0]
    assert np.isnan(forth[2])
    assert back[0] == 1
    assert np.isnan(back[1])


def test_only_the_wanted_species_stay_in_a_gallery():
    gallery = LabelledEmbeddings(EYE, np.array(["a", "b", "a"])).of(["a"])
    assert gallery.rows.tolist() == EYE[[0, 2]].tolist()
    assert gallery.species.tolist() == ["a", "a"]


def table(hits: list[float]) -> dict:
    return {"A->I": {"distilled": {"mAP": hits, "R@1": hits, "R@5": hits}}}


def test_folds_are_pooled_query_by_query():
    assert pooled([table([1, 0]), table([0])])["A->I"]["distilled"]["R@1"] == [1, 0, 0]


def trained(fold: Path) -> None:
    for row in STUDENTS:
        student_folder(fold, row).mkdir()
        (student_folder(fold, row) / META).touch()


def test_a_fold_is_measured_again_only_after_training(tmp_path):
    trained(tmp_path)
    note = tmp_path / MEASURED
    note.write_text(json.dumps({"table": table([1]), "guesses": {"distilled": [["a", "b"]]}}))
    kept = measure_fold(None, None, (), tmp_path)
    assert kept.table == table([1])
    assert kept.guesses == {"distilled": [["a", "b"]]}
    os.utime(note, (0, 0))
    with pytest.raises(DatasetError, match="teacher"):
        measure_fold(None, None, (), tmp_path)


def test_a_paired_difference_leaves_out_what_either_lacks():
    better = paired([1, 1, 1, float("nan")], [0, 0, 1, 1])
    assert better["mean"] == pytest.approx(2 / 3)
    assert paired([1.0] * 50, [0.0] * 50) == {"mean": 1, "low": 1, "high": 1}


def test_every_metric_is_perfect_for_a_perfect_similarity():
    found = per_query(EYE, EYE.astype(bool))
    assert {*found} == {"mAP", "R@1", "R@5", "R@10", "rank"}
    assert all(values == [1] * len(EYE) for values in found.values())


def test_a_probe_separates_what_is_linear_and_weighs_classes_alike():
    random = np.random.default_rng(0)
    labels = np.repeat([0, 1, 2], [200, 20, 20])
    rows = (3 * EYE[labels] + random.normal(0, 1, (240, 3))).astype(np.float32)
    fitted = fit_probe(rows, labels)
    said = fitted.log_probability(rows)
    assert np.allclose(np.exp(said).sum(axis=1), 1, atol=1e-5)
    for label in range(3):
        assert (said[labels == label].argmax(axis=1) == label).mean() > 0.8


def test_a_probe_survives_a_feature_that_never_changes():
    rows = np.concatenate([EYE[[0, 1] * 10], np.ones((20, 1), np.float32)], axis=1)
    assert np.isfinite(fit_probe(rows, np.array([0, 1] * 10)).log_probability(rows)).all()


def test_the_mlp_map_learns_what_no_linear_map_can():
    corners = np.array([[1, 1], [1, -1], [-1, 1], [-1, -1]], np.float32)
    anchors = EYE[[0, 1, 1, 0]]
    mapped = mlp_map(corners, anchors, hidden=32, steps=300)(corners)
    assert np.allclose(np.linalg.norm(mapped, axis=1), 1, atol=1e-5)
    assert (unit(mapped) * anchors).sum(axis=1).min() > 0.95


def test_a_table_is_summed_up_by_method_and_compared_query_by_query():
    table = {
        "A->I": {
            "mine": {"mAP": [1.0, 0.5], "R@1": [1.0, 0.0], "R@5": [1.0, 1.0]},
            "other": {"mAP": [0.5, 0.5], "R@1": [0.0, 0.0], "R@5": [1.0, 1.0]},
        }
    }
    mine, other = summary(table)
    assert (mine["method"], mine["queries"], mine["R@1"]["mean"]) == ("mine", 2, 0.5)
    assert other["mAP"]["mean"] == 0.5
    (found,) = differences(table, "mine", ["other", "nobody"], ["A->I"], "R@1")
    assert (found["other"], found["mean"]) == ("other", 0.5)
    assert found["low"] <= 0.5 <= found["high"]


def test_alignment_is_how_much_nearer_the_own_text_is():
    similarity = np.array([[0.9, 0.1, 0.3], [0.2, 0.4, 0.4]], np.float32)
    relevant = np.eye(3, dtype=bool)[:2]
    assert alignment(similarity, relevant)["margin"] == pytest.approx([0.7, 0.1])


def test_the_listeners_score_ranks_species_by_their_three_best_pictures():
    # One near picture of "a" against three fairly near ones of "b".
    rows = np.array([[1, 0], [0, 1], [0, 1], [0.8, 0.6], [0.8, 0.6], [0.8, 0.6]], np.float32)
    gallery = LabelledEmbeddings(rows, np.array(["a", "a", "a", "b", "b", "b"]))
    embedded = PooledEmbeddings(np.array([[1, 0]], np.float32), np.array([0]))
    found = species_scores(embedded, gallery, ["a", "b", "without a picture"], None)
    assert found.species.tolist() == ["a", "b"]
    assert found.rows[:, 0] == pytest.approx([1 / 3, 0.8], abs=1e-3)
