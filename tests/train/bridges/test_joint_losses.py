"""The joint contrast against its equation, written out in loops."""

from math import exp, log

import numpy as np
import pytest

torch = pytest.importorskip("torch")
from train.bridges.joint_losses import joint_contrast, picture_contrast  # noqa: E402

LABELS = [0, 2, 0, 3, 2]
SCALE = 7.0


def unit_rows(count: int, seed: int) -> np.ndarray:
    rows = np.random.default_rng(seed).normal(size=(count, 6))
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


def tensor(rows: np.ndarray) -> torch.Tensor:
    return torch.from_numpy(rows).float()


def literal_contrast(rows, columns, positive) -> float:
    """Mean over rows that have a positive of the mean over it of -log softmax."""
    total = []
    for b, row in enumerate(rows):
        terms = [
            exp(SCALE * sum(x * y for x, y in zip(row, other, strict=True))) for other in columns
        ]
        mine = [c for c in range(len(columns)) if positive(b, c)]
        if mine:
            total.append(-sum(log(terms[c] / sum(terms)) for c in mine) / len(mine))
    return sum(total) / len(total)


def test_sounds_and_pictures_attract_each_other_by_species_as_the_equation_says():
    sounds, pictures = unit_rows(5, 0), unit_rows(5, 1)

    def same(b, c):
        return LABELS[b] == LABELS[c]

    expected = literal_contrast(sounds, pictures, same) + literal_contrast(pictures, sounds, same)
    found = picture_contrast(
        tensor(sounds), tensor(pictures), torch.tensor(LABELS), torch.tensor(SCALE)
    )
    assert found.item() == pytest.approx(expected / 2, rel=1e-5)


def test_the_joint_contrast_is_the_weighted_sum_of_both():
    sounds, pictures, texts = unit_rows(5, 2), unit_rows(5, 3), unit_rows(4, 4)
    to_text = literal_contrast(sounds, texts, lambda b, k: LABELS[b] == k)
    from_text = literal_contrast(texts, sounds, lambda k, b: LABELS[b] == k)

    def same(b, c):
        return LABELS[b] == LABELS[c]

    both = literal_contrast(sounds, pictures, same) + literal_contrast(pictures, sounds, same)
    found = joint_contrast(
        tensor(sounds),
        texts=tensor(texts),
        pictures=tensor(pictures),
        labels=torch.tensor(LABELS),
        scale=torch.tensor(SCALE),
        text_weight=0.7,
        image_weight=0.4,
    )
    assert found.item() == pytest.approx(0.7 * (to_text + from_text) / 2 + 0.2 * both, rel=1e-5)


def test_the_order_of_a_batch_does_not_matter():
    sounds, pictures = tensor(unit_rows(5, 5)), tensor(unit_rows(5, 6))
    labels, order = torch.tensor(LABELS), torch.tensor([3, 0, 4, 1, 2])
    scale = torch.tensor(SCALE)
    plain = picture_contrast(sounds, pictures, labels, scale)
    moved = picture_contrast(sounds[order], pictures[order], labels[order], scale)
    assert moved.item() == pytest.approx(plain.item(), rel=1e-6)


def test_pictures_of_ones_own_species_do_not_push_away():
    """A sound that lies on the pictures of its species costs next to nothing."""
    axes = torch.eye(6)[torch.tensor(LABELS)]
    labels, scale = torch.tensor(LABELS), torch.tensor(50.0)
    twice = picture_contrast(axes, axes, labels, scale).item()
    assert twice == pytest.approx(0.8 * log(2), abs=1e-4)  # two of a species share their target
