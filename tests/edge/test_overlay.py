"""What a station has learnt of its own: kept in files, taken back by deleting them."""

import builtins
import logging
import os
import random

import numpy as np
import pytest

from edge.contract.bundle import npy_bytes
from edge.contract.errors import PathError
from edge.contract.npy import read_rows
from edge.recognition.overlay import FOLDER, Overlay, rows_of
from edge.records.lessons import LessonBook
from tests.support.factories import DIM, unit_rows
from tests.support.lessons import give_lesson, put_formerly

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


@pytest.fixture
def odd(overlay, tmp_path):
    """Where a file may lie that this station didn't write, beside a good one."""
    overlay.add_background("good", unit_rows(2, 1))
    (good,) = tmp_path.rglob("good.npy")
    return good.with_name("odd.npy")


GOOD = npy_bytes(unit_rows(4, 4))


def spoilt(value):
    rows = unit_rows(4, 4)
    rows[2] = value
    return npy_bytes(rows)


FAULTS = {
    "an open bracket": GOOD.replace(b"}", b"("),
    "a quote": GOOD.replace(b"'shape'", b"'shape\""),
    "terabytes": GOOD.replace(b"(4, 8), }" + b" " * 12, b"(4000000000000, 8), }"),
    "a power": GOOD.replace(b"(4, 8), }" + b" " * 4, b"(9**9**9, 8)}"),
    "half": GOOD[:90],
    "more than it says": GOOD + b"x",
    "not a number": spoilt(np.nan),
    "infinite": spoilt(np.inf),
    "not of unit length": spoilt(0.9),
    "no rows": npy_bytes(unit_rows(4, 4)[:0]),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_file_that_cannot_be_used_is_told_once_and_tried_when_it_changes(
    overlay, odd, caplog, fault
):
    odd.write_bytes(FAULTS[fault])
    for n in range(3):
        assert len(overlay.load().background) == 2
        assert not overlay.changed()
        overlay.add_exemplar("strix_aluco", f"other-{n}", unit_rows(1, n))
        overlay.forget(f"other-{n}")
    (said,) = caplog.messages
    assert "odd.npy" in said
    assert "\n" not in said
    odd.write_bytes(GOOD)
    assert overlay.changed()
    assert len(overlay.load().background) == 6


def test_any_damage_leaves_out_that_file_only(overlay, odd):
    chance = random.Random(1)
    for _ in range(300):
        content = bytearray(GOOD)
        for _ in range(chance.choice((1, 1, 2, 5))):
            content[chance.randrange(len(content))] = chance.randrange(256)
        odd.write_bytes(content)
        assert len(overlay.load().background) in (2, 6)


@pytest.mark.parametrize("make", [os.mkfifo, os.mkdir, lambda path: path.symlink_to("/dev/zero")])
def test_what_is_no_file_is_left_out(overlay, odd, caplog, make):
    make(odd)
    assert len(overlay.load().background) == 2
    assert "odd.npy" in caplog.text


@pytest.mark.parametrize("folder", ["exemplars", "rejected", "exemplars/strix_aluco"])
def test_a_file_in_place_of_a_folder_is_left_out(overlay, odd, caplog, folder):
    place = odd.parent.parent / folder
    place.parent.mkdir(exist_ok=True)
    place.write_bytes(b"")
    learnt = overlay.load()
    assert (learnt.exemplars, learnt.rejected) == ({}, None)
    assert len(learnt.background) == 2
    place.unlink()
    overlay.add_exemplar("parus_major", "one", unit_rows(1, 1))
    assert overlay.changed()
    assert len(overlay.load().exemplars["parus_major"]) == 1


EXCEPTIONS = [
    kind
    for kind in vars(builtins).values()
    if isinstance(kind, type) and issubclass(kind, Exception) and not issubclass(kind, Warning)
    if kind.__name__ not in ("BaseExceptionGroup", "ExceptionGroup")
    if not issubclass(kind, UnicodeDecodeError | UnicodeEncodeError | UnicodeTranslateError)
]


@pytest.mark.parametrize("kind", EXCEPTIONS)
def test_no_fault_of_a_file_passes(overlay, odd, monkeypatch, kind):
    def fault(path):
        raise kind("a fault")

    monkeypatch.setattr("edge.recognition.row_files.read_rows", fault)
    assert overlay.load().background is None


def test_files_that_vanish_are_no_fault(overlay, odd, caplog):
    odd.symlink_to(odd.with_name("gone"))
    assert len(overlay.load().background) == 2
    assert caplog.messages == []


def test_hidden_files_of_other_systems_are_passed_over(overlay, odd, caplog):
    odd.with_name("._good.npy").write_bytes(b"AppleDouble")
    assert len(overlay.load().background) == 2
    assert caplog.messages == []


def test_thousands_of_damaged_files_do_not_fill_the_log(overlay, odd, caplog):
    for n in range(2000):
        odd.with_name(f"{n}.npy").write_bytes(b"no array")
    assert len(overlay.load().background) == 2
    assert 0 < len(caplog.messages) <= 50
    assert not overlay.changed()


@pytest.mark.parametrize("name", ["../../../out", "/tmp/out", "a/b", "..", "a\0"])
def test_nothing_is_learnt_outside_the_station(overlay, tmp_path, name):
    for add in (
        lambda: overlay.add_exemplar(name, "id", unit_rows(1, 1)),
        lambda: overlay.add_exemplar("strix_aluco", name, unit_rows(1, 1)),
        lambda: overlay.add_background(name, unit_rows(1, 1)),
        lambda: Overlay(tmp_path, name, DIM),
    ):
        with pytest.raises(PathError):
            add()
    assert list(tmp_path.rglob("*")) == []


def test_files_that_were_read_before_are_not_read_again(overlay, odd, monkeypatch):
    overlay.add_background("one", unit_rows(1, 1))
    before = overlay.load()
    read = []
    monkeypatch.setattr(
        "edge.recognition.row_files.read_rows",
        lambda path: read.append(path.name) or read_rows(path),
    )
    overlay.add_background("two", unit_rows(1, 2))
    after = overlay.load()
    assert read == ["two.npy"]
    assert np.array_equal(after.background, np.concatenate([before.background, unit_rows(1, 2)]))
    overlay.add_background("one", unit_rows(2, 3))
    assert len(overlay.load().background) == 5


def test_what_was_taught_before_sounds_were_told_apart_is_counted(tmp_path, caplog):
    old, new = unit_rows(2, 1), np.eye(2, dtype=np.float16)
    for n in range(3):
        put_formerly(tmp_path, MODEL, f"exemplars/parus_major/{n}", old)
    put_formerly(tmp_path, MODEL, "rejected/9", old)
    put_formerly(tmp_path, MODEL, "rejected/damaged", np.eye(3, dtype=np.float16))
    give_lesson(tmp_path, MODEL, old, record="a")
    give_lesson(tmp_path, MODEL, new, record="b", taught="parus_major")
    give_lesson(tmp_path, MODEL, new, record="0")  # of a file: that one counts no more
    overlay = Overlay(tmp_path, MODEL, DIM, sound_dim=2)
    for _ in range(2):
        found = overlay.load()
        assert len(found.exemplars["parus_major"]) == len(found.rejected) == 2
        assert overlay.loss.startswith("4 files taught before")
    told = [record.message for record in caplog.records]
    assert len(told) == 1
    assert "damaged.npy" in told[0]
    usual = Overlay(tmp_path, MODEL, DIM)
    usual.load()
    assert usual.loss is None


def test_lessons_are_held_without_their_sounds_and_read_once(tmp_path, monkeypatch):
    give_lesson(tmp_path, MODEL, unit_rows(2, 1), taught="parus_major")
    overlay, book = Overlay(tmp_path, MODEL, DIM), LessonBook(tmp_path)
    (given,) = book.given()
    assert given.review.lesson.rows == ""
    assert np.array_equal(rows_of(book.whole(given.name)), unit_rows(2, 1))
    first = overlay.load()
    monkeypatch.setattr("edge.records.inbox.read", lambda file: pytest.fail("is read again"))
    again = overlay.load()
    assert np.array_equal(again.exemplars["parus_major"], first.exemplars["parus_major"])
