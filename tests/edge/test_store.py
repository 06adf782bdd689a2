"""The station's records, and who puts them there."""

import os
import signal
import sqlite3
import subprocess
import sys
import threading

import pytest

from edge.contract.errors import StoreError
from edge.records.detection import Extension, Rejection
from edge.records.sink import RecordSink
from edge.records.store import FILE_NAME, MIGRATIONS, Store, migrate
from tests.support import ROOT
from tests.support.factories import detection

ONE, OTHER = "01990000-0000-7000-8000-00000000000a", "01990000-0000-7000-8000-00000000000b"
DATED = "2026-05-01T04:31:07.250Z"


def test_a_record_comes_back_as_it_was_written(tmp_path):
    store = Store(tmp_path / "new" / "station")
    found = detection(id=ONE, detected_at=DATED, probability=None, clip="clips/x.flac")
    failed = Rejection(detection(id=OTHER), "passed in 1 of the 2 windows needed")
    for one in (found, failed):
        store.write(one)
    assert store.find(ONE) == found
    assert store.last(5) == [found, failed]
    assert store.last(1) == [failed]
    store.close()
    assert Store(tmp_path / "new" / "station").find(OTHER[-4:]) == failed


def test_a_detection_that_goes_on_ends_later_in_the_database(tmp_path):
    store = Store(tmp_path)
    store.write(detection(id=ONE, end_s=10.0, hits=2))
    store.write(Extension(ONE, 14.5, 5))
    kept = store.find(ONE)
    assert (kept.end_s, kept.hits) == (14.5, 5)


def test_only_what_was_reported_is_a_detection(tmp_path):
    store = Store(tmp_path)
    store.write(detection(id=ONE, detected_at=DATED))
    store.write(Rejection(detection(id=OTHER), "no"))
    store.close()
    with sqlite3.connect(tmp_path / FILE_NAME) as plain:
        rows = plain.execute("SELECT id, detected_at FROM detections").fetchall()
        assert rows == [(ONE, 1_777_609_867_250)]
        assert plain.execute("PRAGMA journal_mode").fetchone() == ("wal",)
    plain.close()


@pytest.mark.parametrize(("part", "problem"), [("zz", "no id"), ("0199", "several ids")])
def test_a_part_of_an_id_must_be_of_one(tmp_path, part, problem):
    store = Store(tmp_path)
    store.write(detection(id=ONE))
    store.write(detection(id=OTHER))
    with pytest.raises(StoreError, match=problem):
        store.find(part)


def test_a_review_is_of_a_record_that_exists(tmp_path):
    store = Store(tmp_path)
    with pytest.raises(sqlite3.IntegrityError):
        store._database.execute(
            "INSERT INTO reviews (record, verdict, reviewed_at) VALUES ('none', 'confirmed', 1)"
        )


@pytest.mark.parametrize("damage", [b"not a database at all " * 300, b"SQLite format 3\0" * 400])
def test_a_damaged_file_is_set_aside_and_a_new_one_begun(tmp_path, damage, caplog):
    (tmp_path / FILE_NAME).write_bytes(damage)
    store = Store(tmp_path)
    assert "set aside" in caplog.text
    store.write(detection(id=ONE))
    assert store.find(ONE).id == ONE
    (aside,) = tmp_path.glob("*.damaged-*")
    assert aside.read_bytes() == damage


def test_a_page_overwritten_in_the_middle_is_noticed(tmp_path):
    store = Store(tmp_path)
    for n in range(300):
        store.write(detection(id=f"{n:036}", detected_at=DATED))
    store.close()
    with (tmp_path / FILE_NAME).open("r+b") as file:
        file.seek(8 * 4096)
        file.write(b"\xff" * 4096 * 3)
    Store(tmp_path).write(detection(id=ONE))
    assert len(list(tmp_path.glob("*.damaged-*"))) == 1


def test_a_newer_version_is_refused_and_left_alone(tmp_path):
    Store(tmp_path).close()
    with sqlite3.connect(tmp_path / FILE_NAME) as plain:
        plain.execute(f"PRAGMA user_version = {len(MIGRATIONS) + 1}")
    plain.close()
    before = (tmp_path / FILE_NAME).read_bytes()
    with pytest.raises(StoreError, match="update it"):
        Store(tmp_path)
    assert (tmp_path / FILE_NAME).read_bytes() == before


def test_migrations_run_once_in_order_and_wholly():
    database = sqlite3.connect(":memory:", isolation_level=None)
    first, second = "CREATE TABLE a (x)", "ALTER TABLE a ADD COLUMN y; INSERT INTO a VALUES (1, 2)"
    migrate(database, (first,))
    migrate(database, (first, second))
    migrate(database, (first, second))
    assert database.execute("SELECT x, y FROM a").fetchall() == [(1, 2)]
    with pytest.raises(sqlite3.Error):
        migrate(database, (first, second, "INSERT INTO a VALUES (3, 4); nonsense"))
    assert database.execute("SELECT count(*) FROM a").fetchone() == (1,)
    assert database.execute("PRAGMA user_version").fetchone() == (2,)


def test_a_station_that_cant_be_written_is_an_error_of_ours(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreError, match="file"):
        Store(tmp_path / "file" / "station")


def test_another_thread_may_write(tmp_path):
    store = Store(tmp_path)
    thread = threading.Thread(target=lambda: store.write(detection(id=ONE)))
    thread.start()
    thread.join()
    assert store.find(ONE).id == ONE


WRITER = """
import sys
from pathlib import Path
from dataclasses import replace
from edge.records.store import Store
from tests.support.factories import detection
store = Store(Path(sys.argv[1]))
for n in range(100_000):
    store.write(detection(id=f"{n:036}"))
    print(n, flush=True)
"""


@pytest.mark.parametrize("acknowledged", [0, 1, 7, 40])
def test_nothing_acknowledged_is_lost_when_the_process_is_killed(tmp_path, acknowledged):
    command = [sys.executable, "-c", WRITER, str(tmp_path)]
    running = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)
    assert running.stdout
    with running:
        told = [int(running.stdout.readline()) for _ in range(acknowledged + 1)]
        os.kill(running.pid, signal.SIGKILL)
        told += [int(line) for line in running.stdout.read().splitlines() if line]
    kept = Store(tmp_path).last(100_000)
    assert len(kept) >= len(told) > acknowledged
    assert [one.id for one in kept[: len(told)]] == [f"{n:036}" for n in told]


def test_a_full_disk_stops_no_listening_and_is_told_once_a_minute(
    tmp_path, monkeypatch, caplog, capsys
):
    store, moment = Store(tmp_path), [0.0]
    monkeypatch.setattr("edge.system.throttle.time.monotonic", lambda: moment[0])
    sink = RecordSink(store, as_json=True)
    sink(detection(id=ONE))
    # A database that may grow no more answers as a full disk does.
    pages = store._database.execute("PRAGMA page_count").fetchone()[0]
    store._database.execute(f"PRAGMA max_page_count = {pages}")
    for n in range(200):
        moment[0] = n
        sink(detection(id=f"{n:036}"))
    assert 1 <= caplog.text.count("disk is full") <= 4
    assert len(capsys.readouterr().out.splitlines()) == 201
    store._database.execute("PRAGMA max_page_count = 100000")
    sink(detection(id=OTHER))
    assert {ONE, OTHER} <= {one.id for one in store.last(500)}


def test_listening_keeps_what_it_prints_and_why_explains_it(birdlisten, bundle_path, tmp_path):
    station = ("--station", tmp_path / "station")
    chorus = ("--input", bundle_path / "chorus.flac", "--threshold", "0.7")
    heard = birdlisten(*chorus, "--json", *station).records()
    kept = Store(tmp_path / "station").last(1000)
    reported = [one for one in kept if not isinstance(one, Rejection)]
    rejected = [one for one in kept if isinstance(one, Rejection)]
    assert [one.id for one in reported] == [one["id"] for one in heard]
    assert any(one.end_s > line["end_s"] for one, line in zip(reported, heard, strict=True))
    assert rejected
    assert all("of the" in one.reason for one in rejected)
    assert not {one.candidate.id for one in rejected} & {line["id"] for line in heard}

    told = birdlisten("why", heard[0]["id"], *station)
    assert f"{heard[0]['common_name']} ({heard[0]['scientific_name']}), reported" in told.out
    assert heard[0]["top"][1]["common_name"] in told.out
    refused = birdlisten("why", rejected[0].candidate.id[-12:], *station)
    assert "not reported: passed in" in refused.out
    listed = birdlisten("why", *station).out.splitlines()
    assert len(listed) == min(20, len(kept))
    plain = birdlisten("why", heard[0]["id"], "--json", *station).records()
    assert plain[0]["rejected"] is None
    assert plain[0]["top"] == heard[0]["top"]


def test_why_without_records_says_where_it_looked(birdlisten, tmp_path):
    ended = birdlisten("why", "x", "--station", tmp_path)
    assert ended.code == 1
    assert str(tmp_path) in ended.err
    assert not (tmp_path / FILE_NAME).exists()


def test_listening_goes_on_without_a_station(birdlisten, bundle_path, tmp_path):
    (tmp_path / "file").write_text("")
    station = ("--station", tmp_path / "file" / "station")
    ended = birdlisten("--input", bundle_path / "chorus.flac", "--json", *station)
    assert ended.code == 0
    assert ended.records()
    assert "not kept" in ended.err
