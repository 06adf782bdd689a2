import math

import pytest

torch = pytest.importorskip("torch")
from torch.nn.functional import normalize, one_hot  # noqa: E402

from edge.contract.taxonomy import Species, slug  # noqa: E402
from train.config import LOSSES, DistillConfig  # noqa: E402
from train.distillation.losses import (  # noqa: E402
    anchor_pull,
    anchor_softmax,
    clip_loss,
    embedding_distillation,
    hierarchical_softmax,
    info_nce,
    multi_label_softmax,
    multi_positive,
    outlier_exposure,
    shared_pull,
    soft_anchor_softmax,
)
from train.distillation.objective import make_objective  # noqa: E402
from train.distillation.taxonomic_distance import distances, hierarchical_targets  # noqa: E402

SCALE = torch.tensor(7.0)


@pytest.fixture
def case():
    random = torch.Generator().manual_seed(3)
    embedding = normalize(torch.randn(6, 5, generator=random), dim=1)
    anchors = normalize(torch.randn(4, 5, generator=random), dim=1)
    return embedding, anchors, torch.tensor([0, 2, 2, 3, 0, 1])


def log_softmax(logits, index):
    return logits[index] - math.log(sum(math.exp(logit) for logit in logits))


def test_anchor_softmax_equals_its_literal_form(case):
    embedding, anchors, labels = case
    total = 0.0
    for row, label in zip(embedding, labels, strict=True):
        logits = [float(SCALE * row @ anchor) for anchor in anchors]
        total -= log_softmax(logits, int(label)) / len(labels)
    assert float(anchor_softmax(embedding, anchors, labels, SCALE)) == pytest.approx(total, 1e-5)


def test_smoothing_mixes_in_the_uniform_distribution(case):
    embedding, anchors, labels = case
    total = 0.0
    for row, label in zip(embedding, labels, strict=True):
        logits = [float(SCALE * row @ anchor) for anchor in anchors]
        uniform = sum(log_softmax(logits, k) for k in range(4)) / 4
        total -= (0.9 * log_softmax(logits, int(label)) + 0.1 * uniform) / len(labels)
    found = float(anchor_softmax(embedding, anchors, labels, SCALE, smoothing=0.1))
    assert found == pytest.approx(total, 1e-5)


def test_a_soft_target_costs_its_divergence_and_nothing_if_it_is_met(case):
    embedding, anchors, labels = case
    beliefs = torch.softmax(torch.randn(6, 4, generator=torch.Generator().manual_seed(0)), dim=1)
    total = 0.0
    for row, belief in zip(embedding, beliefs.tolist(), strict=True):
        logits = [float(SCALE * row @ anchor) for anchor in anchors]
        total += sum(q * (math.log(q) - log_softmax(logits, k)) for k, q in enumerate(belief)) / 6
    found = soft_anchor_softmax(embedding, anchors, beliefs, SCALE)
    assert float(found) == pytest.approx(total, 1e-5)
    met = torch.softmax(SCALE * embedding @ anchors.T, dim=1)
    assert float(soft_anchor_softmax(embedding, anchors, met, SCALE)) == pytest.approx(0, abs=1e-5)
    sure = torch.eye(4)[labels]
    assert float(soft_anchor_softmax(embedding, anchors, sure, SCALE)) == pytest.approx(
        float(anchor_softmax(embedding, anchors, labels, SCALE)), 1e-5
    )


def species(name: str, family: str, order: str) -> Species:
    genus, epithet = name.split()
    return Species(slug(name), name, name, "A", "C", "Aves", order, family, genus, epithet)


RELATED = (
    species("Parus major", "Paridae", "Passeriformes"),
    species("Parus minor", "Paridae", "Passeriformes"),
    species("Corvus corax", "Corvidae", "Passeriformes"),
    species("Anas crecca", "Anatidae", "Anseriformes"),
)


def test_distance_is_the_share_of_ranks_above_the_common_ancestor():
    assert distances(RELATED)[0] * 7 == pytest.approx([0, 1, 3, 4])
    # An epithet that two genera share makes them no nearer.
    twins = (RELATED[0], species("Dendrocopos major", "Picidae", "Piciformes"))
    assert distances(twins)[0, 1] * 7 == pytest.approx(4)


def test_a_label_lends_to_its_kin_by_equation_4_of_bertinetto():
    targets = hierarchical_targets(RELATED, 0.1)
    assert torch.allclose(targets.sum(dim=1), torch.ones(4))
    nearness = [math.exp(-10 * d / 7) for d in (1, 3, 4)]
    expected = [0.9, *(0.1 * one / sum(nearness) for one in nearness)]
    assert targets[0].tolist() == pytest.approx(expected)
    assert hierarchical_targets(RELATED[:1], 0.1).tolist() == [[1.0]]


def test_hierarchical_softmax_equals_its_literal_form_and_forgives_a_congener(case):
    embedding, anchors, labels = case
    targets = hierarchical_targets(RELATED, 0.2)
    total = 0.0
    for row, label in zip(embedding, labels, strict=True):
        logits = [float(SCALE * row @ anchor) for anchor in anchors]
        total -= sum(float(targets[label, k]) * log_softmax(logits, k) for k in range(4)) / 6
    assert float(hierarchical_softmax(embedding, anchors, labels, SCALE, targets)) == pytest.approx(
        total, 1e-5
    )
    tit, eye = torch.tensor([0]), torch.eye(4)
    congener = hierarchical_softmax(eye[1:2], eye, tit, SCALE, targets)
    duck = hierarchical_softmax(eye[3:4], eye, tit, SCALE, targets)
    assert congener < duck


@pytest.mark.parametrize("loss", LOSSES)
def test_a_config_chooses_the_objective(case, loss):
    embedding, anchors, labels = case
    config = DistillConfig(loss=loss, smoothing=0.1, pull=2.0)
    targets = one_hot(labels, len(anchors)).float() if loss == "multi_label" else labels
    found = make_objective(config, RELATED, torch.device("cpu"))(embedding, anchors, targets, SCALE)
    pull = 2 * anchor_pull(embedding, anchors, labels)
    targets = hierarchical_targets(RELATED, 0.1)
    expected = {
        "anchor_softmax": anchor_softmax(embedding, anchors, labels, SCALE, 0.1) + pull,
        "hierarchical_softmax": hierarchical_softmax(embedding, anchors, labels, SCALE, targets)
        + pull,
        "multi_positive": multi_positive(embedding, anchors, labels, SCALE),
        "info_nce": info_nce(embedding, anchors, labels, SCALE),
        "multi_label": anchor_softmax(embedding, anchors, labels, SCALE, 0.1) + pull,
    }
    assert float(found) == pytest.approx(float(expected[loss]))


def test_several_species_in_a_window_share_its_target(case):
    """-sum_k q_k log softmax_k(s a.t), q uniform over those that are there; and their pull."""
    embedding, anchors, _ = case
    sets = [{0}, {0, 2}, {1, 2, 3}, {3}, {0, 1}, {2}]
    shares = torch.tensor([[(k in heard) / len(heard) for k in range(4)] for heard in sets])
    total, pull = 0.0, 0.0
    for row, heard in zip(embedding, sets, strict=True):
        logits = (SCALE * anchors @ row).tolist()
        total -= sum(log_softmax(logits, k) / len(heard) for k in heard) / len(sets)
        pull += (1 - sum(float(row @ anchors[k]) / len(heard) for k in heard)) / len(sets)
    found = multi_label_softmax(embedding, anchors, shares, SCALE)
    assert float(found) == pytest.approx(total, 1e-5)
    assert float(shared_pull(embedding, anchors, shares)) == pytest.approx(pull, 1e-5)


def test_info_nce_equals_its_literal_form(case):
    embedding, anchors, labels = case
    texts = anchors[labels]
    total = 0.0
    for n in range(len(labels)):
        forward = [float(SCALE * embedding[n] @ text) for text in texts]
        backward = [float(SCALE * one @ texts[n]) for one in embedding]
        total -= (log_softmax(forward, n) + log_softmax(backward, n)) / (2 * len(labels))
    assert float(info_nce(embedding, anchors, labels, SCALE)) == pytest.approx(total, 1e-5)


def test_anchor_softmax_has_no_false_negatives_where_info_nce_has(case):
    _, anchors, _ = case
    labels = torch.tensor([1, 1, 1, 1])
    perfect = anchors[labels]
    sharp = torch.tensor(100.0)
    assert float(anchor_softmax(perfect, anchors, labels, sharp)) < 1e-3
    assert float(info_nce(perfect, anchors, labels, sharp)) == pytest.approx(math.log(4), 1e-3)


def test_multi_positive_equals_its_literal_form(case):
    embedding, bank, labels = case
    forward = float(anchor_softmax(embedding, bank, labels, SCALE))
    backward = 0.0
    for k in range(4):
        logits = [float(SCALE * one @ bank[k]) for one in embedding]
        own = [n for n in range(6) if labels[n] == k]
        backward -= sum(log_softmax(logits, n) for n in own) / len(own) / 4
    found = float(multi_positive(embedding, bank, labels, SCALE))
    assert found == pytest.approx((forward + backward) / 2, 1e-5)


def test_multi_positive_ignores_texts_that_nothing_sings(case):
    embedding, bank, _ = case
    labels = torch.tensor([0, 0, 1, 1, 0, 1])
    assert torch.isfinite(multi_positive(embedding, bank, labels, SCALE))


def test_pull_is_the_mean_distance_to_the_own_anchor(case):
    embedding, anchors, labels = case
    cosines = [float(embedding[n] @ anchors[labels[n]]) for n in range(6)]
    expected = sum(1 - cosine for cosine in cosines) / 6
    assert float(anchor_pull(embedding, anchors, labels)) == pytest.approx(expected, 1e-5)
    assert float(anchor_pull(anchors[labels], anchors, labels)) == pytest.approx(0, abs=1e-6)


def test_clip_loss_is_symmetric(case):
    embedding, anchors, labels = case
    texts = anchors[labels]
    there, back = clip_loss(embedding, texts, SCALE), clip_loss(texts, embedding, SCALE)
    assert float(there) == pytest.approx(float(back))


def test_distillation_is_half_the_mean_square_distance_to_the_large_student(case):
    embedding, anchors, labels = case
    large = anchors[labels]
    total = 0.0
    for small_row, large_row in zip(embedding.tolist(), large.tolist(), strict=True):
        total += sum((a - b) ** 2 for a, b in zip(small_row, large_row, strict=True)) / 2
    assert float(embedding_distillation(embedding, large)) == pytest.approx(total / 6, 1e-5)
    assert float(embedding_distillation(large, large)) == pytest.approx(0, abs=1e-6)


def test_outlier_exposure_is_the_cross_entropy_to_the_uniform_distribution(case):
    embedding, anchors, _ = case
    total = 0.0
    for row in embedding:
        logits = [float(SCALE * row @ anchor) for anchor in anchors]
        total -= sum(log_softmax(logits, k) for k in range(4)) / 4
    found = float(outlier_exposure(embedding, anchors, SCALE))
    assert found == pytest.approx(total / 6, 1e-5)
    assert found > math.log(4)  # the least, for which nothing is nearer than another
    assert float(outlier_exposure(torch.zeros(2, 5), anchors, SCALE)) == pytest.approx(math.log(4))


def test_paired_rows_of_unlike_order_lose_more_than_pairs(case):
    _, anchors, _ = case
    sharp = torch.tensor(100.0)
    assert float(clip_loss(anchors, anchors, sharp)) < 1e-3
    assert float(clip_loss(anchors, anchors.flip(0), sharp)) > 10
