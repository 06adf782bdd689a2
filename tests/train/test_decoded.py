"""Recordings that a distillation decodes, as the plan and the building of a cache count them."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
import soundfile

pytest.importorskip("torch")
from gallery.data.dataset import UNLABELLED, Dataset, Item
from gallery.data.ranks import bird
from gallery.data.table import dataset
from train.config import DistillConfig
from train.data import cache
from train.sound.decoded import decoded

TIT, ROBIN = bird("Parus major"), bird("Turdus migratorius")


@pytest.fixture
def corpus(tmp_path: Path) -> Dataset:
    """Five seconds each: of two birds, of none, and of one that nobody named."""
    items = []
    of = {"tit": TIT.species_id, "robin": ROBIN.species_id, "rain": "", "unnamed": ""}
    for name, species_id in of.items():
        path, split = tmp_path / f"{name}.wav", UNLABELLED if name == "unnamed" else "train"
        soundfile.write(path, np.full(40_000, 0.1), 8000)
        items.append(Item(path, "audio", species_id, split, "CC0", "nobody"))
    return dataset(tmp_path, (TIT, ROBIN), items)


def names(items: Sequence[Item]) -> list[str]:
    return [item.path.stem for item in items]


def test_what_is_not_learned_is_not_decoded(corpus, tmp_path):
    chosen = tmp_path / "names.txt"
    chosen.write_text("Parus major\n")
    assert names(decoded(DistillConfig(species=str(chosen)), corpus)) == ["tit", "rain"]
    held_out = DistillConfig(held_out=(TIT.species_id,))
    assert names(decoded(held_out, corpus)) == ["robin", "rain"]
    assert names(decoded(DistillConfig(hint="birdnet"), corpus))[-2:] == ["rain", "unnamed"]


def test_what_is_too_long_is_decoded_in_sections(corpus):
    found = decoded(DistillConfig(longest_s=2, window_s=0.5, held_out=(TIT.species_id,)), corpus)
    assert names(found) == ["robin", "robin", "rain", "rain"]
    assert [item.begin_s for item in found] == [0, 4, 0, 4]


def test_a_cache_is_built_of_the_taxon_alone(tmp_path):
    for folder in ("Parus_major", "Turdus_migratorius"):
        (tmp_path / folder).mkdir()
        soundfile.write(tmp_path / folder / f"{folder}.wav", np.full(8000, 0.1), 8000)
    found = cache.recorded(DistillConfig(data=str(tmp_path), taxon="Paridae"))
    assert names(found) == ["Parus_major"]
