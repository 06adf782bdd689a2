"""Shares of several corpora in the windows of a training."""

from pathlib import Path

import pytest

torch = pytest.importorskip("torch")

from edge.contract.errors import DatasetError  # noqa: E402
from gallery.data.dataset import Item  # noqa: E402
from train.config import DistillConfig  # noqa: E402
from train.distill import distill  # noqa: E402
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


def test_halves_of_a_recording_are_drawn_half_as_often():
    items, labels = [recording("a", 0.5)] * 3 + [recording("b", 0.5)], [0, 0, 0, 0]
    _, chances = corpus_draws(items, labels, 0.0, parts=[0.5, 0.5, 1.0, 1.0])
    assert (chances / chances.sum()).tolist() == pytest.approx([1 / 8, 1 / 8, 1 / 4, 1 / 2])
    assert corpus_draws([recording("a", 0.0)], [0], 0.0, parts=[0.5])[1].tolist() == [0.5]


def test_without_shares_nothing_is_drawn_otherwise():
    assert corpus_draws([recording("a", 0.0)], [0], 0.0) == (None, None)


@pytest.mark.parametrize(
    ("settings", "told"),
    [
        ({}, r"no recordings in split 'train'; it has audio: 1 in validation"),
        ({"extra_backgrounds": "DATA"}, r"extra_backgrounds: .*no recordings without a species"),
        ({"validate_every": 5}, r"no recordings in split 'validation' to validate with; give some"),
    ],
)
def test_data_without_what_a_training_needs_is_refused_before_a_model_is_loaded(
    tmp_path, settings, told
):
    split = "train" if settings else "val"
    (tmp_path / split / "Parus_major").mkdir(parents=True)
    (tmp_path / split / "Parus_major" / "a.wav").write_bytes(b"decoded by nobody")
    settings = {
        name: str(tmp_path) if value == "DATA" else value for name, value in settings.items()
    }
    config = DistillConfig(data=str(tmp_path), teacher="no teacher", student="none", **settings)
    with pytest.raises(DatasetError, match=told):
        distill(config)
