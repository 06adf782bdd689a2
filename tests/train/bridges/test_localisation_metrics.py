"""The measures of localisation, each against a literal form of its protocol, and their bounds."""

import numpy as np
import pytest

torch = pytest.importorskip("torch")
from train.bridges.fixed_threshold import (  # noqa: E402
    SIZES,
    Judged,
    average_precision,
    confidences,
    judge,
    max_f1,
    precision_recall,
    scaled,
)
from train.bridges.localisation_metrics import (  # noqa: E402
    area_under,
    ciou,
    disc_cious,
    figures,
    median_cious,
    oracle_cious,
    truth_map,
    upper_half,
    upsampled,
)
from train.bridges.negative_audio import (  # noqa: E402
    lit_area,
    lit_shares,
    map_ious,
    universal_thresholds,
)


def centred(share):
    """Box in the middle that covers a share of the picture."""
    half = np.sqrt(share) / 2
    return (0.5 - half, 0.5 - half, 0.5 + half, 0.5 + half)


@pytest.mark.parametrize("share", [0.02, 0.12, 0.25, 0.46, 0.5, 0.7, 1.0])
def test_an_oracle_scores_what_the_share_of_its_box_allows(share):
    """cIoU = f / 0.5 up to half of the picture, 0.5 / f above; science.md section 11."""
    truth = truth_map([centred(share)])
    covered = truth.mean()
    expected = covered / 0.5 if covered <= 0.5 else 0.5 / covered
    assert oracle_cious([truth])[0] == pytest.approx(expected, abs=1e-6)
    as_a_map = median_cious(
        truth[None] + np.linspace(0, 0.1, 224 * 224).reshape(1, 224, 224), [truth]
    )
    assert as_a_map[0] == pytest.approx(expected, abs=1e-4)


def test_the_disc_covers_half_and_knows_only_the_middle():
    middle, corner = truth_map([centred(0.25)]), truth_map([(0, 0, 0.1, 0.1)])
    assert disc_cious([middle])[0] == pytest.approx(0.5, abs=0.01)
    assert disc_cious([corner])[0] == 0
    whole = truth_map([(0, 0, 1, 1)])
    assert disc_cious([whole])[0] == pytest.approx(0.5)


def test_the_union_of_boxes_counts_a_pixel_once_and_the_first_box_alone_is_smaller():
    boxes = [(0.0, 0.0, 0.5, 0.5), (0.25, 0.25, 0.75, 1.2)]
    truth = truth_map(boxes)
    assert set(np.unique(truth)) == {0, 1}
    assert truth.sum() == 112 * 112 + 112 * 168 - 56 * 56
    assert truth_map(boxes[:1]).sum() == 112 * 112


@pytest.mark.parametrize("edge", range(225))
def test_a_pixel_that_went_through_a_share_is_the_same(edge):
    assert truth_map([(0, 0, edge / 224, 1 / 224)]).sum() == edge


def test_maps_are_upsampled_with_their_corners_aligned():
    found = upsampled(np.array([[[0.0, 1.0], [2.0, 3.0]]], np.float32))[0]
    steps = np.linspace(0, 1, 224)
    assert found == pytest.approx(steps[None, :] + 2 * steps[:, None], abs=1e-5)


def test_half_of_a_map_is_predicted_and_its_median_belongs_to_it():
    scores = np.random.default_rng(1).random((224, 224)).astype(np.float32)
    lit = upper_half(scores)
    ordered = sorted(scores.reshape(-1).tolist())
    assert np.array_equal(lit, scores >= ordered[int(len(ordered) * 0.5)])
    assert lit.sum() == 224 * 224 / 2
    assert upper_half(np.zeros((224, 224), np.float32)).all()


def test_ciou_equals_its_literal_form_with_a_consensus_in_halves():
    random = np.random.default_rng(2)
    truth = random.choice(np.array([0, 0.5, 1], np.float32), (224, 224))
    lit = random.random((224, 224)) > 0.7
    infer = lit.astype(float)
    expected = np.sum(infer * truth) / (np.sum(truth) + np.sum(infer * (truth == 0)))
    assert ciou(lit, truth) == pytest.approx(expected)


def test_the_area_is_the_trapezoid_of_21_shares():
    values = np.array([0.0, 0.1, 0.5, 0.77, 1.0])
    shares = [np.sum(values >= 0.05 * i) / len(values) for i in range(21)]
    literal = sum(0.05 * (shares[i] + shares[i + 1]) / 2 for i in range(20))
    assert area_under(values.tolist()) == pytest.approx(literal)
    assert figures(values).at_half == pytest.approx(0.6)
    assert figures(values).mean == pytest.approx(values.mean())


@pytest.fixture
def judged():
    random = np.random.default_rng(7)
    visible = random.random(30) > 0.3
    return Judged(
        cious=np.where(visible, random.random(30), 0.0),
        confidences=random.random(30),
        visible=visible,
        areas=np.where(visible, random.integers(100, 40_000, 30), 0).astype(float),
    )


def literal_precision_recall(judged, threshold):
    """SLAVC's counting."""
    right = wrong = missed = 0
    rows = zip(judged.visible, judged.cious, judged.confidences, strict=True)
    for visible, value, confidence in rows:
        if not visible:
            wrong += confidence >= threshold
        elif confidence < threshold:
            missed += 1
        elif value >= 0.5:
            right += 1
        else:
            wrong += 1
    precision = 1.0 if right + wrong == 0 else right / (right + wrong)
    return precision, 1.0 if right + missed == 0 else right / (right + missed)


@pytest.mark.parametrize("threshold", [-1.0, 0.2, 0.5, 0.9, 2.0])
def test_precision_and_recall_count_as_slavc_does(judged, threshold):
    assert precision_recall(judged, threshold) == literal_precision_recall(judged, threshold)


def test_average_precision_and_max_f1_equal_their_literal_forms(judged):
    ordered = np.sort(judged.confidences)
    points = [literal_precision_recall(judged, value) for value in ordered[:-1][::-1]]
    precision = [max(point[0] for point in points[n:]) for n in range(len(points))]
    area = sum(precision[n] * (points[n + 1][1] - points[n][1]) for n in range(len(points) - 1))
    assert average_precision(judged) == pytest.approx(area)
    chances = [literal_precision_recall(judged, value) for value in ordered[::3]]
    best = max(2 * p * r / (p + r) if p + r else 0 for p, r in chances)
    assert max_f1(judged) == pytest.approx(best)


def test_a_map_that_knows_everything_has_an_area_of_nearly_one():
    visible = np.arange(400) % 4 > 0
    perfect = Judged(
        cious=visible.astype(float),
        confidences=visible + np.linspace(0, 0.1, 400),
        visible=visible,
        areas=np.full(400, 900.0),
    )
    assert average_precision(perfect) == pytest.approx(1, abs=0.01)
    assert max_f1(perfect) == pytest.approx(1, abs=0.05)  # at one of ten thresholds


def test_sizes_share_all_pictures_with_a_box(judged):
    parts = [len(judged.of_size(name).cious) for name in SIZES]
    assert sum(parts) == judged.visible.sum()
    assert len(judged.of_size("small").cious) == (judged.visible & (judged.areas < 1024)).sum()


def test_maps_are_judged_between_fixed_bounds():
    tau = 0.03
    cosines = np.full((2, 224, 224), -0.5, np.float32)
    cosines[0, :56, :56] = 0.5
    maps = scaled(cosines / tau, -1 / tau, 1 / tau)
    assert maps[:, 0, 0] == pytest.approx([0.75, 0.25])
    truths = np.stack([truth_map([(0, 0, 0.25, 0.25)]), np.zeros((224, 224), np.float32)])
    found = judge(maps, truths, confidences(maps))
    assert found.cious.tolist() == [1, 0]
    assert found.visible.tolist() == [True, False]
    assert found.areas.tolist() == [56 * 56, 0]


def test_confidence_is_the_mean_of_the_top_quarter():
    maps = np.arange(16, dtype=np.float32).reshape(1, 4, 4)
    assert confidences(maps).tolist() == [np.mean([12, 13, 14, 15])]


def test_lit_shares_of_negative_audio_and_their_area():
    maps = np.zeros((3, 4, 4), np.float32)
    maps[1, 0, 0], maps[2] = 0.8, 0.9
    shares = lit_shares(maps, 0.5)
    assert shares.tolist() == [0, 1 / 16, 1]
    below = [np.sum(shares <= 0.05 * i) / 3 for i in range(21)]
    literal = sum(0.05 * (below[i] + below[i + 1]) / 2 for i in range(20))
    assert lit_area(shares) == pytest.approx(literal)
    assert lit_area(np.zeros(3)) == pytest.approx(1)


def test_universal_thresholds_are_statistics_of_the_maxima():
    maps = np.zeros((20, 2, 2), np.float32)
    maps[:, 0, 1] = np.arange(20)
    found = universal_thresholds(maps)
    assert (found.maximum, found.trimmed) == (19, 17)
    assert found.third_quartile == pytest.approx(np.quantile(np.arange(20), 0.75))


def test_two_dark_maps_are_alike_and_a_dark_one_is_unlike_a_lit_one():
    dark, lit = np.zeros((2, 2), bool), np.ones((2, 2), bool)
    half = np.array([[True, True], [False, False]])
    found = map_ious(np.stack([dark, lit, half]), np.stack([dark, dark, lit]))
    assert found.tolist() == [1, 0, 0.5]
