"""The station's records, and who puts them there."""

import json
import math
import os
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from dataclasses import asdict

import numpy as np
import pytest

from edge.contract.errors import StoreError
from edge.records.detection import OF_RECORDINGS, Extension, Rejection
from edge.records.evidence import Evidence
from edge.records.inbox import CONFIRMED
from edge.records.migrations import MIGRATIONS
from edge.records.reader import open_records
from edge.records.schema import FILE_NAME, migrate
from edge.records.store import Store
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
    with open_records(tmp_path / "new" / "station") as records:
        assert records.find(OTHER[-4:]) == failed


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
    (aside,) = tmp_path.glob("*.damaged-*Z")
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
    assert len(list(tmp_path.glob("*.damaged-*Z"))) == 1


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
    with open_records(tmp_path) as records:
        kept = records.last(100_000)
    assert len(kept) >= len(told) > acknowledged
    assert [one.id for one in kept[: len(told)]] == [f"{n:036}" for n in told]


def test_a_full_disk_loses_nothing_that_was_kept(tmp_path):
    store = Store(tmp_path)
    store.write(detection(id=ONE))
    # A database that may grow no more answers as a full disk does.
    pages = store.database.execute("PRAGMA page_count").fetchone()[0]
    store.database.execute(f"PRAGMA max_page_count = {pages}")
    with pytest.raises(StoreError, match="full"):
        store.write_all([detection(id=f"{n:036}") for n in range(200)])
    assert [one.id for one in store.last(500)] == [ONE]
    store.database.execute("PRAGMA max_page_count = 100000")
    store.write(detection(id=OTHER))
    assert [one.id for one in store.last(500)] == [ONE, OTHER]


def test_what_is_written_twice_is_kept_once(tmp_path):
    store, found = Store(tmp_path), detection(id=ONE)
    batch = [found, Evidence(ONE, np.ones(4, np.float16)), Extension(ONE, 99.0, 7)]
    store.write_all(batch)
    store.write_all(batch)
    (kept,) = store.last(5)
    assert (kept.end_s, kept.hits, kept.pictures, kept.top) == (99.0, 7, found.pictures, found.top)
    assert store.evidence(ONE).embedding.tolist() == [1] * 4


@pytest.mark.parametrize(
    "unfit", [{"score": math.nan}, {"species_id": None}, {"source": "\udcff"}, {"hits": 1 << 70}]
)
def test_what_cant_be_kept_by_its_nature_keeps_nothing_else_out(tmp_path, unfit, caplog):
    store = Store(tmp_path)
    store.write_all([detection(id=ONE), detection(id="unfit", **unfit), detection(id=OTHER)])
    assert [one.id for one in store.last(5)] == [ONE, OTHER]
    assert caplog.text.count("can't be kept") == 1


def test_evidence_and_reviews_of_a_record_that_went_are_nothing(tmp_path):
    store = Store(tmp_path)
    store.write_all([Evidence(ONE, np.ones(4, np.float16)), detection(id=OTHER)])
    store.review(ONE, CONFIRMED)
    assert [one.id for one in store.last(5)] == [OTHER]
    assert store.verdict(ONE) is None


def test_sql_sees_pictures_and_rivals_in_full(tmp_path):
    store, found = Store(tmp_path), detection(id=ONE)
    store.write(found)
    (row,) = store.database.execute("SELECT * FROM detections").fetchall()
    assert json.loads(row["pictures"]) == [asdict(picture) for picture in found.pictures]
    assert json.loads(row["top"]) == [asdict(candidate) for candidate in found.top]


def test_records_of_the_version_before_stay_as_they_were(tmp_path):
    database, found = sqlite3.connect(tmp_path / FILE_NAME, isolation_level=None), detection(id=ONE)
    migrate(database, MIGRATIONS[:3])
    values = {name: value for name, value in asdict(found).items() if name not in OF_RECORDINGS}
    values["rejected"] = None
    nested = {name: json.dumps(values[name]) for name in ("pictures", "top")}
    names, places = ", ".join(values), ", ".join(f":{name}" for name in values)
    database.execute(f"INSERT INTO records ({names}) VALUES ({places})", {**values, **nested})
    database.close()
    with open_records(tmp_path) as records:  # reads it as it is, and leaves it so
        assert records.find(ONE) == found
    store = Store(tmp_path)
    assert store.find(ONE) == found
    (row,) = store.database.execute("SELECT * FROM detections").fetchall()
    assert json.loads(row["top"]) == json.loads(nested["top"])


OPENER = """
import sys, time
from pathlib import Path
from dataclasses import replace
from edge.records.store import Store
from tests.support.factories import detection
while time.time() < float(sys.argv[2]):
    pass
Store(Path(sys.argv[1])).write(detection(id=sys.argv[3] * 36))
"""


def test_all_who_open_a_fresh_station_at_once_can_keep_records(tmp_path):
    begin = str(time.time() + 1.5)
    command = [sys.executable, "-c", OPENER, str(tmp_path), begin]
    running = [subprocess.Popen([*command, name], cwd=ROOT) for name in "abcd"]
    assert [one.wait(30) for one in running] == [0] * 4
    assert len(Store(tmp_path).last(10)) == 4


def test_listening_keeps_what_it_prints_and_why_explains_it(birdlisten, bundle_path, tmp_path):
    station = ("--station", tmp_path / "station")
    chorus = ("--input", bundle_path / "chorus.flac", "--threshold", "0.7")
    heard = birdlisten(*chorus, "--json", *station).records()
    with open_records(tmp_path / "station") as records:
        kept = records.last(1000)
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
    assert "records wait until they can be kept" in ended.err
    assert "records were lost" in ended.err
