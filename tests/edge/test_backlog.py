"""Records that wait: what goes in comes out, after a crash, too."""

import os
import random

import numpy as np
import pytest

from edge.records.backlog import Backlog
from edge.records.codec import decode, encode
from edge.records.detection import ClipGone, ClipKept, Extension, Rejection
from edge.records.evidence import Evidence
from edge.records.journal import FILE_NAME, Journal
from tests.support.factories import detection

RECORDS = [
    detection(id="a", detected_at="2026-05-01T04:31:07.250Z", probability=None),
    Rejection(detection(id="b", pictures=()), "no"),
    Extension("a", 9.5, 3),
    ClipKept("a", "clips/x.flac"),
    ClipGone("clips/x.flac"),
]


@pytest.mark.parametrize("record", RECORDS)
def test_a_record_comes_back_from_bytes(record):
    assert decode(encode(record)) == record


def test_evidence_comes_back_bit_by_bit():
    rows = np.random.default_rng(0).standard_normal(256).astype(np.float16)
    back = decode(encode(Evidence("a", rows)))
    assert back.id == "a"
    assert back.embedding.tobytes() == rows.tobytes()


@pytest.mark.parametrize(
    "content",
    [b"", b"\xff", b"null", b"[]", b"{}", b'{"kind": "Nothing"}', b'{"kind": "Extension"}'],
)
def test_what_is_no_record_is_told_apart(content):
    with pytest.raises(ValueError, match=r"no record|Expecting|utf-8"):
        decode(content)


def test_what_waits_on_disk_is_there_for_the_next_process(tmp_path):
    backlog = Backlog(tmp_path, 100_000)
    backlog.open()
    assert not backlog
    for record in RECORDS:
        backlog.add([record])
    after = Backlog(tmp_path, 100_000)
    after.open()
    assert list(after.records()) == RECORDS
    after.clear()
    assert not after
    again = Backlog(tmp_path, 100_000)
    again.open()
    assert list(again.records()) == []


def test_in_memory_it_waits_where_there_is_no_folder(tmp_path):
    backlog = Backlog(tmp_path / "nowhere", 100_000)
    backlog.add(RECORDS)
    assert list(backlog.records()) == RECORDS
    (tmp_path / "nowhere").mkdir()
    backlog.add(RECORDS)  # in order: nothing overtakes what waits in memory
    assert list(backlog.records()) == RECORDS * 2
    backlog.clear()
    assert not backlog


def test_candidates_give_way_to_what_was_reported(tmp_path, monkeypatch):
    monkeypatch.setattr("edge.records.backlog.MEMORY_BYTES", 2_000)
    backlog = Backlog(tmp_path, 60_000)
    for n in range(200):
        backlog.add([Rejection(detection(id=f"no {n}"), "no"), detection(id=f"yes {n}")])
    kept = list(backlog.records())
    candidates = [record for record in kept if isinstance(record, Rejection)]
    assert 0 < len(candidates) < len(kept) // 3


@pytest.mark.parametrize("seed", range(20))
def test_a_journal_torn_anywhere_gives_back_what_was_whole(tmp_path, seed):
    chance = random.Random(seed)
    journal = Journal(tmp_path, 50_000)
    for _ in range(chance.randrange(3)):  # frames of former epochs lie about
        journal.add([os.urandom(chance.randrange(400)) for _ in range(40)])
        journal.clear()
    contents = [os.urandom(chance.randrange(400)) for _ in range(20)]
    assert journal.add(contents) == 20
    path = tmp_path / FILE_NAME
    torn_at = chance.randrange(4096, 4096 + sum(len(one) + 12 for one in contents))
    with path.open("r+b") as file:
        file.seek(torn_at)
        file.write(os.urandom(5000))
    back = list(Journal(tmp_path, 50_000).frames())
    ends = np.cumsum([len(one) + 12 for one in contents]) + 4096
    whole = int((ends <= torn_at).sum())
    assert back[:whole] == contents[:whole]
    assert len(back) <= whole + 1


def test_a_full_journal_takes_what_it_can(tmp_path):
    journal = Journal(tmp_path, 8192)
    taken = journal.add([bytes(1000)] * 10)
    assert taken == 4
    assert journal.add([bytes(1000)]) == 0
    assert len(list(journal.frames())) == 4
    journal.clear()
    assert journal.add([bytes(1000)]) == 1


@pytest.mark.parametrize("content", [b"", b"something else", bytes(10_000), b"\xff" * 10_000])
def test_a_file_that_is_no_journal_becomes_one(tmp_path, content):
    (tmp_path / FILE_NAME).write_bytes(content)
    journal = Journal(tmp_path, 10_000)
    assert journal.is_empty
    assert journal.add([b"one"]) == 1
    assert list(Journal(tmp_path, 10_000).frames()) == [b"one"]
