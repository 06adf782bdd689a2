"""Shares of several corpora in the windows of a training."""

from pathlib import Path

import pytest

torch = pytest.importorskip("torch")

from gallery.data.dataset import Item  # noqa: E402
from train.sound.corpus_draws import corpus_draws  # noqa: E402


def recording(corpus: str, share: float) -> Item:
    return Item(Path(), "audio", "", "train", "CC0", "Ann", corpus=corpus, share=share)


def drawn(items, labels, weight) -> torch.Tensor:
    """How often each recording comes: its species' share, and its part of that."""
    shares, chances = corpus_draws(items, labels, weight)
    within = torch.zeros_like(shares).index_add_(0, torch.tensor(labels), chances)
    return shares[labels] * chances / within[labels]


@pytest.mark.parametrize("weight", [0.0, 0.5, 1.0])
def test_each_corpus_has_its_share_of_the_windows(weight):
    items = [*[recording("a", 0.7)] * 3, *[recording("b", 0.3)] * 5]
    often = drawn(items, [0, 0, 1, 1, 1, 1, 2, 2], weight)
    assert often.sum().item() == pytest.approx(1)
    assert often[:3].sum().item() == pytest.approx(0.7)


def test_species_of_a_corpus_are_alike_without_a_weight_and_count_with_one():
    items = [recording("a", 1.0)] * 4
    assert drawn(items, [0, 0, 0, 1], 0.0).tolist() == pytest.approx([1 / 6, 1 / 6, 1 / 6, 1 / 2])
    assert drawn(items, [0, 0, 0, 1], 1.0).tolist() == pytest.approx([1 / 4] * 4)


def test_without_shares_nothing_is_drawn_otherwise():
    assert corpus_draws([recording("a", 0.0)], [0], 0.0) == (None, None)
