import math

import numpy as np
import pytest

from train.measure import metrics
from train.measure.baselines import ridge_map, soft_zero_shot_chain, unit, zero_shot_chain
from train.measure.metrics import average_precision, bootstrap, class_average, ranked_metrics


def test_average_precision_of_a_known_ranking():
    similarity = np.array([[0.9, 0.8, 0.7, 0.6]])
    relevant = np.array([[True, False, True, False]])
    assert average_precision(similarity, relevant)[0] == pytest.approx((1 + 2 / 3) / 2)


def test_average_precision_equals_a_slow_loop():
    random = np.random.default_rng(0)
    similarity = random.standard_normal((20, 30))
    relevant = random.random((20, 30)) < 0.2
    relevant[:, 0] = True
    for row, truth, found in zip(
        similarity, relevant, average_precision(similarity, relevant), strict=True
    ):
        hits, total = 0, 0.0
        for rank, n in enumerate(sorted(range(30), key=lambda n: -row[n]), start=1):
            if truth[n]:
                hits += 1
                total += hits / rank
        assert found == pytest.approx(total / hits)


def test_recall_and_rank_speak_of_the_first_relevant():
    similarity = np.array([[3.0, 2.0, 1.0, *[0] * 9], [3.0, 2.0, 1.0, *[0] * 9]])
    relevant = np.zeros((2, 12), bool)
    relevant[0, [1, 5]] = relevant[1, 7] = True
    found = ranked_metrics(similarity, relevant)
    assert found["R@1"].tolist() == [0, 0]
    assert found["R@5"].tolist() == [1, 0]
    assert found["R@10"].tolist() == [1, 1]
    assert found["rank"].tolist() == [2, 8]
    assert found["mAP"].tolist() == average_precision(similarity, relevant).tolist()


def test_many_queries_are_ranked_in_blocks(monkeypatch):
    random = np.random.default_rng(3)
    similarity, relevant = random.random((50, 20)), random.random((50, 20)) < 0.3
    relevant[:, 0] = True
    whole = ranked_metrics(similarity, relevant)
    monkeypatch.setattr(metrics, "_BLOCK", 7)
    for name, values in ranked_metrics(similarity, relevant).items():
        assert np.array_equal(values, whole[name])


def test_a_class_average_counts_rare_species_as_much_as_common_ones():
    values, classes = np.array([1.0, 1.0, 1.0, 0.0]), np.array(["a", "a", "a", "b"])
    assert class_average(values, classes) == pytest.approx(0.5)
    interval = bootstrap(values, classes=classes)
    assert interval.mean == pytest.approx(0.5)
    assert interval.low <= 0.5 < interval.high


def test_bootstrap_interval_covers_the_mean_and_narrows_with_more_queries():
    random = np.random.default_rng(1)
    few, many = bootstrap(random.random(20)), bootstrap(random.random(2000))
    assert few.low < few.mean < few.high
    assert many.high - many.low < (few.high - few.low) / 3


def test_ridge_map_recovers_a_linear_relation():
    random = np.random.default_rng(2)
    texts = random.standard_normal((200, 8)).astype(np.float32)
    truth = random.standard_normal((8, 5)).astype(np.float32)
    assert np.allclose(ridge_map(texts, texts @ truth, 1e-6), truth, atol=1e-3)


def test_zero_shot_chain_answers_with_the_nearest_species_anchor():
    texts, anchors = np.eye(3, dtype=np.float32), unit(np.arange(1, 7.0).reshape(3, 2))
    audio = np.array([[0.1, 0.9, 0.2], [0.7, 0.1, 0.1]], np.float32)
    assert np.array_equal(zero_shot_chain(audio, texts, anchors), anchors[[1, 0]])


def test_the_soft_chain_weighs_anchors_by_the_belief_in_each_species():
    texts, anchors = np.eye(3, dtype=np.float32), unit(np.arange(1, 7.0).reshape(3, 2))
    audio = np.array([[0.1, 0.9, 0.2], [0.7, 0.1, 0.1]], np.float32)
    for row, found in zip(audio, soft_zero_shot_chain(audio, texts, anchors, 5.0), strict=True):
        beliefs = [math.exp(5 * value) for value in row.tolist()]
        mean = sum(belief / sum(beliefs) * anchors[k] for k, belief in enumerate(beliefs))
        assert found == pytest.approx(mean / math.hypot(*mean), abs=1e-6)
    surest = soft_zero_shot_chain(audio, texts, anchors, 1e4)
    assert np.allclose(surest, zero_shot_chain(audio, texts, anchors), atol=1e-6)
