"""What a station has learnt of its own: kept in files, taken back by deleting them."""

import logging

import numpy as np
import pytest

from edge.recognition.overlay import FOLDER, Overlay
from tests.support.factories import DIM, unit_rows

MODEL = "a" * 64


@pytest.fixture
def overlay(tmp_path):
    return Overlay(tmp_path, MODEL, DIM)


def test_nothing_is_learnt_where_there_is_no_overlay(overlay, tmp_path):
    learnt = overlay.load()
    assert (learnt.exemplars, learnt.background) == ({}, None)
    assert not overlay.changed()
    assert not (tmp_path / FOLDER).exists()


def test_what_was_learnt_is_there_for_the_next(overlay, tmp_path):
    overlay.add_exemplar("strix_aluco", "one", unit_rows(2, 1))
    overlay.add_exemplar("strix_aluco", "two", unit_rows(1, 2))
    overlay.add_exemplar("parus_major", "three", unit_rows(1, 3))
    overlay.add_background("site", unit_rows(4, 4))
    learnt = Overlay(tmp_path, MODEL, DIM).load()
    assert {name: len(rows) for name, rows in learnt.exemplars.items()} == {
        "parus_major": 1,
        "strix_aluco": 3,
    }
    assert np.array_equal(learnt.exemplars["strix_aluco"][:2], unit_rows(2, 1))
    assert np.array_equal(learnt.background, unit_rows(4, 4))


def test_it_is_taken_back_by_its_name(overlay):
    overlay.add_exemplar("strix_aluco", "one", unit_rows(1, 1))
    overlay.add_background("two", unit_rows(1, 2))
    assert overlay.forget("one")
    assert not overlay.forget("one")
    learnt = overlay.load()
    assert learnt.exemplars == {}
    assert len(learnt.background) == 1


def test_a_change_is_seen_by_who_has_loaded_it_before(overlay, tmp_path):
    listener = Overlay(tmp_path, MODEL, DIM)
    listener.load()
    for change in (
        lambda: overlay.add_background("one", unit_rows(1, 1)),
        lambda: overlay.add_exemplar("strix_aluco", "two", unit_rows(1, 2)),
        lambda: overlay.add_exemplar("strix_aluco", "three", unit_rows(1, 3)),
        lambda: overlay.forget("two"),
        lambda: overlay.forget("one"),
    ):
        assert not listener.changed()
        change()
        assert listener.changed()
        listener.load()


def test_another_encoder_learns_apart(overlay, tmp_path):
    overlay.add_background("one", unit_rows(1, 1))
    other = Overlay(tmp_path, "b" * 64, DIM)
    assert other.load().background is None
    assert not other.forget("one")


@pytest.mark.parametrize(
    "content",
    [b"", b"no array", b"\x93NUMPY garbage"],
)
def test_a_damaged_file_is_named_and_left_out(overlay, tmp_path, caplog, content):
    overlay.add_background("good", unit_rows(2, 1))
    (bad,) = tmp_path.rglob("good.npy")
    (bad.parent / "bad.npy").write_bytes(content)
    with caplog.at_level(logging.WARNING):
        assert len(overlay.load().background) == 2
    assert "bad.npy" in caplog.text


@pytest.mark.parametrize("rows", [2 * unit_rows(1, 1), unit_rows(1, 1)[:, :4], np.zeros(3)])
def test_rows_that_no_encoder_makes_are_left_out(overlay, rows):
    overlay.add_background("odd", rows)
    assert overlay.load().background is None
