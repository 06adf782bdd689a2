"""What a model has heard before, by whatever name it calls it."""

import json

import pytest

pytest.importorskip("torch")
from edge.contract.errors import DatasetError
from train.sound.heard import SEEN, check_unheard
from train.sound.training_set import TrainingSet


def test_a_species_counts_as_heard_by_whatever_name(tmp_path):
    (tmp_path / SEEN).write_text(json.dumps(["regulus_calendula", "nomen_novum"]))
    known = frozenset({"corthylio_calendula", "parus_major"})
    sounds = TrainingSet((), (), (), (), background=(), known=known)
    assert sounds.seen_with(str(tmp_path)) == ("corthylio_calendula", "nomen_novum")
    with pytest.raises(DatasetError, match="has heard corthylio_calendula"):
        check_unheard(str(tmp_path), ("corthylio_calendula",))
    check_unheard(str(tmp_path), ("parus_major",))
