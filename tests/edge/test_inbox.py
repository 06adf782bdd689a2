"""Reviews reach the database through whoever owns it."""

import json
import os

import pytest

from edge.contract.errors import StoreError
from edge.records import inbox
from edge.records.inbox import CONFIRMED, REJECTED
from edge.records.lock import StationLock
from edge.records.reader import open_records
from edge.records.store import Store
from edge.records.supervisor import StoreSupervisor
from tests.support.factories import detection, unit_rows
from tests.support.lessons import give_lesson, leave

ONE = "01990000-0000-7000-8000-00000000000a"


@pytest.fixture
def store(tmp_path):
    store = Store(tmp_path)
    store.write(detection(id=ONE))
    return store


def test_a_review_counts_before_it_is_taken_up_and_after(store, tmp_path):
    leave(tmp_path, ONE, CONFIRMED, "parus_major")
    with open_records(tmp_path) as records:
        assert records.verdict(ONE) == (CONFIRMED, "parus_major")
    assert store.take_reviews() == 1
    assert inbox.files(tmp_path) == []
    assert store.verdict(ONE) == (CONFIRMED, "parus_major")
    assert store.take_reviews() == 0


def test_the_last_word_counts(store, tmp_path):
    words = [(CONFIRMED, "a"), (REJECTED, ""), (None, ""), (CONFIRMED, "b")]
    for n in range(1, 5):
        for verdict, note in words[:n]:
            leave(tmp_path, ONE, verdict, note)
        expected = None if words[n - 1][0] is None else words[n - 1]
        assert store.verdict(ONE) == expected
        store.take_reviews()
        assert store.verdict(ONE) == expected


def test_a_running_listener_takes_it_up(tmp_path):
    Store(tmp_path).write(detection(id=ONE))
    keeper = StoreSupervisor(tmp_path)
    keeper.start()
    leave(tmp_path, ONE, REJECTED)
    keeper.keep([])
    keeper.close()
    assert inbox.files(tmp_path) == []
    with open_records(tmp_path) as records:
        assert records.verdict(ONE) == (REJECTED, "")


@pytest.mark.parametrize(
    "content",
    [b"", b"{", b"[]", b"null", b'{"record": 1}', b"\xff\xfe", b"[" * 100_000]
    + [
        json.dumps({"record": ONE, "verdict": verdict, "note": note, "reviewed_at": at}).encode()
        for verdict, note, at in (
            *(("maybe", "", 1), (CONFIRMED, None, 1), (CONFIRMED, "", "now")),
            *((CONFIRMED, "", 10**30), (CONFIRMED, "", -1), (CONFIRMED, "\udc80", 1)),
        )
    ],
)
def test_what_is_no_review_is_left_alone(store, tmp_path, content):
    (tmp_path / "reviews").mkdir()
    (tmp_path / "reviews" / "0.json").write_bytes(content)
    leave(tmp_path, ONE, CONFIRMED)
    assert store.take_reviews() == 1
    assert [path.name for path in inbox.files(tmp_path)] == ["0.json"]


def test_a_station_that_cant_be_written_is_told(tmp_path):
    (tmp_path / "reviews").write_text("")
    with pytest.raises(StoreError, match="nothing was learnt"):
        give_lesson(tmp_path, "a" * 64, unit_rows(1, 1))


def test_reviewing_beside_a_listener_leaves_the_database_to_it(birdlisten, bundle_path, tmp_path):
    station = tmp_path / "station"
    sound = ("--input", bundle_path / "chorus.flac", "--json", "--station", station)
    first = birdlisten(*sound).records()[0]
    with StationLock(station):
        assert birdlisten("confirm", first["id"], "--station", station).code == 0
        assert "confirmed as" in birdlisten("why", first["id"], "--station", station).out
        assert len(inbox.files(station)) == 1
    assert birdlisten("reject", first["id"], "--station", station).code == 0
    assert inbox.files(station) == []


def test_a_refused_species_takes_nothing_back(birdlisten, bundle_path, tmp_path):
    station = tmp_path / "station"
    sound = ("--input", bundle_path / "chorus.flac", "--json", "--station", station)
    first = birdlisten(*sound).records()[0]
    birdlisten("confirm", first["id"], "--station", station)
    lessons = {file: file.read_bytes() for file in station.rglob("*.json")}
    assert birdlisten("confirm", first["id"], "--as", "Dodo", "--station", station).code == 2
    assert "confirmed as" in birdlisten("why", first["id"], "--station", station).out
    assert {file: file.read_bytes() for file in station.rglob("*.json")} == lessons


def test_a_review_that_cant_be_removed_is_taken_up_once(store, tmp_path, monkeypatch):
    leave(tmp_path, ONE, CONFIRMED)
    monkeypatch.setattr("pathlib.Path.unlink", lambda path, missing_ok=False: os.open("/none", 0))
    assert store.take_reviews() == 1
    assert store.take_reviews() == 0
    assert store.verdict(ONE) == (CONFIRMED, "")
