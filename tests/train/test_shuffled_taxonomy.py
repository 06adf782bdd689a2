"""Orders and families permuted among species, in what is learned by alone."""

import json
from collections import Counter
from dataclasses import replace

import numpy as np
import pytest

torch = pytest.importorskip("torch")
from edge.contract.errors import ConfigError  # noqa: E402
from gallery.data.dataset import read_dataset  # noqa: E402
from gallery.teacher import load_teacher, mean_anchors  # noqa: E402
from gallery.templates import TEMPLATES, sentence  # noqa: E402
from train import distill as module  # noqa: E402
from train.config import DistillConfig  # noqa: E402
from train.distill import distill  # noqa: E402
from train.distillation.shuffled_ranks import SHUFFLED, shuffled_ranks  # noqa: E402
from train.model.checkpoint import META, load_checkpoint  # noqa: E402


@pytest.fixture(autouse=True)
def _own_cache(computed, monkeypatch):
    monkeypatch.setattr("train.distill.CACHE", computed)


@pytest.fixture
def taxonomy(small_world):
    return read_dataset(small_world.data).taxonomy


def test_a_species_keeps_its_names_and_gets_the_ranks_of_another(taxonomy):
    moved = shuffled_ranks(taxonomy, seed=1)
    assert moved.ids == taxonomy.ids
    for before, after in zip(taxonomy.species, moved.species, strict=True):
        kept = {rank: getattr(before, rank) for rank in SHUFFLED}
        assert replace(after, **kept) == before
    higher = [[bird.ranks[:5] for bird in birds.species] for birds in (taxonomy, moved)]
    assert higher[0] != higher[1]
    assert Counter(higher[0]) == Counter(higher[1])


def test_a_seed_gives_the_same_ranks_and_another_others(taxonomy):
    seeds = [shuffled_ranks(taxonomy, seed).species for seed in range(1, 9)]
    assert shuffled_ranks(taxonomy, 3).species == seeds[2]
    assert len(set(seeds)) > 1


def test_only_sentences_that_tell_ranks_are_others(taxonomy):
    moved = shuffled_ranks(taxonomy, seed=1)
    changed = {
        name
        for name in TEMPLATES
        for before, after in zip(taxonomy.species, moved.species, strict=True)
        if sentence(name, before) != sentence(name, after)
    }
    assert changed == {"taxon", "taxon_com"}


def test_shuffled_sentences_are_learned_by_and_the_true_ones_are_kept(small_world, monkeypatch):
    learned = {}
    original = module.Distillation

    def spy(**parts):
        learned[bool(parts["config"].shuffle_taxonomy)] = parts["anchors"]
        return original(**parts)

    monkeypatch.setattr(module, "Distillation", spy)
    plain = distill(small_world.distillation("plain"))
    control = distill(small_world.distillation("control", shuffle_taxonomy=1))
    data = read_dataset(small_world.data).taxonomy
    teacher = load_teacher(small_world.teacher)
    assert np.array_equal(learned[False], teacher.anchors(data.species))
    assert np.array_equal(learned[True], teacher.anchors(shuffled_ranks(data, 1).species))
    assert not np.array_equal(learned[True], learned[False])
    for run in (plain, control):
        kept = load_checkpoint(run)
        assert kept.taxonomy == data
        assert np.array_equal(kept.anchors, mean_anchors(teacher.anchors(data.species)))


def test_a_control_says_so_in_its_name_and_its_note(small_world):
    control = distill(small_world.distillation("said", shuffle_taxonomy=7, steps=1))
    assert control.name == "said-aviary-shuffled-taxonomy"
    assert json.loads((control / META).read_text())["config"]["shuffle_taxonomy"] == 7


@pytest.mark.parametrize("other", [{"loss": "hierarchical_softmax"}, {"projection_names": True}])
def test_what_learns_by_the_true_ranks_beside_is_refused(other):
    with pytest.raises(ConfigError, match=r"shuffle_taxonomy: .* leave them out"):
        DistillConfig(shuffle_taxonomy=1, **other)
