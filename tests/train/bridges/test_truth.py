"""Truth of synthetic clips, as it is read."""

import numpy as np
import pytest

from edge.contract.errors import DatasetError
from train.bridges.truth import read_truth

TABLE = """clip,bird,species_id,off_screen,size,songs,boxes
a,tit,parus_major,0,medium,0.500 1.000;2.000 2.500,0.500 0.1 0.2 0.3 0.4;0.750 0.1 0.2 0.3 0.4
a,owl,strix_aluco,0,large,,0.000 0.5 0.5 0.9 0.9;0.250 0.5 0.5 0.9 0.9;0.500 0.6 0.5 1.0 0.9
a,robin,turdus_merula,1,,0.000 1.000,
"""


@pytest.fixture
def truth(tmp_path):
    (tmp_path / "truth.csv").write_text(TABLE)
    return read_truth(tmp_path)


def test_boxes_are_of_whoever_sings_and_is_seen(truth):
    assert truth.boxes("a", 0.6).tolist() == [pytest.approx([0.1, 0.2, 0.3, 0.4])]
    assert truth.boxes("a", 0.6, singing=False).tolist() == [pytest.approx([0.6, 0.5, 1.0, 0.9])]
    assert truth.boxes("a", 0.1).shape == (0, 4)  # the blackbird sings off screen
    assert truth.boxes("a", 2.2).shape == (0, 4)  # the tit sings, and has left


def test_a_frame_is_shown_until_the_next_one(truth):
    assert truth.period_s == 0.25
    (tit, owl, robin) = truth.birds("a")
    assert owl.box(0.74, truth.period_s) is not None
    assert owl.box(0.76, truth.period_s) is None
    assert tit.box(0.49, truth.period_s) is None
    assert robin.off_screen
    assert robin.box(0.5, truth.period_s) is None


def test_a_song_ends_before_its_end(truth):
    tit = truth.birds("a")[0]
    assert [tit.sings(t) for t in (0.49, 0.5, 0.99, 1.0, 2.1)] == [False, True, True, False, True]


def test_boxes_of_a_species_are_there_in_silence_too(truth):
    assert np.allclose(truth.species_boxes("a", 0.1, "strix_aluco"), [[0.5, 0.5, 0.9, 0.9]])
    assert truth.species_boxes("a", 0.1, "parus_major").shape == (0, 4)


def test_an_unknown_clip_and_a_damaged_table_are_named(truth, tmp_path):
    with pytest.raises(DatasetError, match="knows no clip 'b'"):
        truth.birds("b")
    (tmp_path / "truth.csv").write_text(TABLE.replace("0.500 1.000", "0.500 x"))
    with pytest.raises(DatasetError, match=r"truth\.csv: clip a: could not convert"):
        read_truth(tmp_path)
    (tmp_path / "truth.csv").write_text(TABLE.replace("0.500 1.000", "0.500"))
    with pytest.raises(DatasetError, match="expected 2 numbers"):
        read_truth(tmp_path)
