"""The store in every kind of trouble: records wait, and are kept in order once it is back."""

import contextlib
import random
import shutil
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterator

import numpy as np
import pytest

from edge.records import repair, supervisor
from edge.records.detection import Extension
from edge.records.evidence import Evidence
from edge.records.inbox import CONFIRMED
from edge.records.lock import StationInUse
from edge.records.reader import open_records
from edge.records.schema import FILE_NAME
from edge.records.store import Store
from edge.records.supervisor import StoreSupervisor
from tests.support import ROOT
from tests.support.factories import detection

TABLE_LEAF = 13
"""First byte of such a page (SQLite's file format)."""


@pytest.fixture(autouse=True)
def _impatient(monkeypatch):
    monkeypatch.setattr(supervisor, "_FIRST_S", 0.0)
    monkeypatch.setattr(supervisor, "_MOST_S", 0.0)
    monkeypatch.setattr("edge.records.reader.BUSY_S", 0.05)


def number(n: int) -> str:
    return f"{n:036}"


def ids(station) -> list[str]:
    with open_records(station) as records:
        return [one.id for one in records.last(100_000)]


@contextlib.contextmanager
def supervised(station) -> Iterator[Callable[[int], None]]:
    keeper = StoreSupervisor(station)
    keeper.start()
    yield lambda n: keeper.keep([detection(id=number(n))])
    keeper.close()


def test_records_are_kept_at_once_where_all_is_well(tmp_path):
    with supervised(tmp_path / "new" / "station") as keep:
        keep(0)
        assert ids(tmp_path / "new" / "station") == [number(0)]


def test_a_second_listener_on_a_station_is_refused_and_told_by_whom(tmp_path):
    with supervised(tmp_path):
        other = StoreSupervisor(tmp_path)
        with pytest.raises(StationInUse, match=r"process \d+, since 2"):
            other.start()
    with supervised(tmp_path) as keep:
        keep(0)
    assert ids(tmp_path) == [number(0)]


def test_what_comes_while_the_database_is_locked_is_kept_in_order(tmp_path, caplog):
    with supervised(tmp_path) as keep:
        keep(0)
        other = sqlite3.connect(tmp_path / FILE_NAME, isolation_level=None)
        other.execute("BEGIN IMMEDIATE")
        for n in range(1, 5):
            keep(n)
        assert ids(tmp_path) == [number(0)]
        other.execute("COMMIT")
        keep(5)
        assert ids(tmp_path) == [number(n) for n in range(6)]
    assert caplog.text.count("locked") == 1


def test_a_store_that_is_locked_at_the_start_is_opened_later(tmp_path):
    Store(tmp_path).close()
    other = sqlite3.connect(tmp_path / FILE_NAME, isolation_level=None)
    other.execute("BEGIN EXCLUSIVE")
    with supervised(tmp_path) as keep:
        keep(0)
        other.execute("COMMIT")
        other.close()
    assert ids(tmp_path) == [number(0)]


def test_a_station_that_comes_late_is_waited_for(tmp_path):
    (tmp_path / "card").write_text("not mounted yet")
    with supervised(tmp_path / "card" / "station") as keep:
        for n in range(3):
            keep(n)
        (tmp_path / "card").unlink()
        keep(3)
    assert ids(tmp_path / "card" / "station") == [number(n) for n in range(4)]


def test_a_folder_that_is_deleted_is_made_again(tmp_path):
    station = tmp_path / "station"
    with supervised(station) as keep:
        keep(0)
        shutil.rmtree(station)
        for n in range(1, 4):
            keep(n)
            time.sleep(0.3)  # it is opened by a thread of its own
        assert ids(station) == [number(n) for n in (1, 2, 3)]
        other = StoreSupervisor(station)
        with pytest.raises(StationInUse):
            other.start()


@pytest.mark.parametrize("damage", [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11])
def test_damage_under_a_running_listener_loses_no_later_record(tmp_path, damage):
    """Each page in turn: of the schema, a table, or an index."""
    with supervised(tmp_path) as keep:
        for n in range(24):
            keep(n)
    with supervised(tmp_path) as keep:
        with (tmp_path / FILE_NAME).open("r+b") as file:
            file.seek(damage * 4096)
            file.write(b"\xa5" * 4096)
        for n in range(60, 80):
            keep(n)
    with supervised(tmp_path) as keep:
        keep(80)
    kept = ids(tmp_path)
    assert kept[-21:] == [number(n) for n in range(60, 81)]
    assert kept == sorted(set(kept))


def test_a_broken_index_costs_no_record(tmp_path):
    store = Store(tmp_path)
    store.write_all([detection(id=number(n)) for n in range(300)])
    (page,) = store.database.execute(
        "SELECT rootpage FROM sqlite_master WHERE name = 'kept_by_species'"
    ).fetchone()
    store.close()
    with (tmp_path / FILE_NAME).open("r+b") as file:
        file.seek((page - 1) * 4096)
        file.write(b"\xa5" * 4096)
    with supervised(tmp_path) as keep:
        for n in range(300, 320):
            keep(n)
        assert ids(tmp_path) == [number(n) for n in range(320)]


def test_a_damaged_table_costs_what_was_on_the_page_and_no_more(tmp_path):
    store = Store(tmp_path)
    store.write_all([detection(id=number(n)) for n in range(300)])
    store.close()
    content = bytearray((tmp_path / FILE_NAME).read_bytes())
    leaf = next(
        page
        for page in range(0, len(content), 4096)
        if content[page] == TABLE_LEAF and number(150).encode() in content[page : page + 4096]
    )
    lost = sum(number(n).encode() in content[leaf : leaf + 4096] for n in range(300))
    content[leaf : leaf + 4096] = b"\xa5" * 4096
    (tmp_path / FILE_NAME).write_bytes(content)
    with supervised(tmp_path) as keep:
        keep(300)
    kept = ids(tmp_path)
    assert len(kept) == 301 - lost
    assert kept[-1] == number(300)
    (aside,) = tmp_path.glob("*.damaged-*Z")
    assert aside.read_bytes()[: len(content)] == content


@pytest.mark.parametrize(
    "table", ["kept_records", "reviews", "contexts", "species", "sqlite_schema"]
)
def test_records_that_nothing_leads_to_any_more_are_found(tmp_path, table):
    """The root page of a table is overwritten, or the list of all tables."""
    store = Store(tmp_path)
    store.write_all([detection(id=number(n), source=f"{n % 7}" * 900) for n in range(300)])
    for n in range(100):
        store.review(number(n), CONFIRMED, "x" * 300)
    query = "SELECT rootpage FROM sqlite_schema WHERE name = ?"
    (page,) = store.database.execute(query, (table,)).fetchone() or (1,)
    store.close()
    with (tmp_path / FILE_NAME).open("r+b") as file:
        file.seek((page - 1) * 4096 + (100 if page == 1 else 0))
        file.write(b"\xa5" * 400)
    with supervised(tmp_path) as keep:
        keep(300)
    with open_records(tmp_path) as records:
        kept = records.last(1000)
        assert [one.id for one in kept] == [number(n) for n in range(301)]
        assert [one.source for one in kept[:300]] == [f"{n % 7}" * 900 for n in range(300)]
        assert records.verdict(number(99)) == (CONFIRMED, "x" * 300)


@pytest.mark.parametrize("seed", range(24))
def test_any_damage_leaves_what_it_did_not_touch(tmp_path, seed):
    """Pages, a torn end, or single bytes; the log of a kill lies beside."""
    chance = random.Random(seed)
    store = Store(tmp_path / "before")
    for n in range(200):
        store.write_all([detection(id=number(n)), Evidence(number(n), np.ones(256, np.float16))])
    shutil.copytree(tmp_path / "before", tmp_path / "station")  # as after a kill
    path = tmp_path / "station" / FILE_NAME
    content = bytearray(path.read_bytes())
    for _ in range(chance.choice((1, 3, 20))):
        at = chance.randrange(len(content))
        length = chance.choice((1, 50, 4096))
        content[at : at + length] = chance.randbytes(length)
    path.write_bytes(content[: len(content) * chance.choice((4, 4, 3, 1)) // 4])
    with supervised(tmp_path / "station") as keep:
        keep(200)
    kept = ids(tmp_path / "station")
    assert kept[-1] == number(200)
    assert len(kept) == len(set(kept))
    # The log alone holds the last ones.
    assert set(kept) >= {number(n) for n in range(195, 200)}


def test_on_a_full_disk_records_wait_on_disk_and_survive_a_kill(small_disk):
    station = small_disk.path / "station"
    keeper = StoreSupervisor(station)
    keeper.start()
    keeper.keep([detection(id=number(0)), Extension(number(0), 50.0, 9)])
    small_disk.leave(0)
    for n in range(1, 200):
        keeper.keep([detection(id=number(n))])
    keeper._lock.release()  # as good as killed: nothing else is closed
    small_disk.leave(2_000_000)
    with supervised(station):
        assert ids(station) == [number(n) for n in range(200)]


KEEPER = """
import sys
import time
from pathlib import Path
from edge.records.supervisor import StoreSupervisor
from tests.support.factories import detection
keeper = StoreSupervisor(Path(sys.argv[1]))
keeper.start()
for n in range(100_000):
    keeper.keep([detection(id=f"{n:036}")])
    print(n, flush=True)
"""


@pytest.mark.parametrize("trouble", ["full", "locked"])
def test_nothing_acknowledged_is_lost_at_a_kill_while_the_store_is_in_trouble(small_disk, trouble):
    station = small_disk.path / "station"
    Store(station).close()
    command = [sys.executable, "-c", KEEPER, str(station)]
    running = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)
    assert running.stdout
    other = sqlite3.connect(station / FILE_NAME, timeout=60, isolation_level=None)
    with running, other:  # it waits long for its turn beside one who always writes
        told = [int(running.stdout.readline()) for _ in range(5)]
        if trouble == "full":
            small_disk.leave(0)
        else:
            other.execute("BEGIN IMMEDIATE")
        told += [int(running.stdout.readline()) for _ in range(40)]
        running.kill()
        told += [int(line) for line in running.stdout.read().splitlines() if line]
    other.close()
    small_disk.grow(4 * small_disk.size)  # the journal may have taken what the log had left
    with supervised(station):
        pass
    assert ids(station)[: len(told)] == [number(n) for n in told]


def test_without_any_room_the_newest_are_lost_counted_and_told(tmp_path, monkeypatch, caplog):
    monkeypatch.setattr("edge.records.backlog.MEMORY_BYTES", 20_000)
    (tmp_path / "file").write_text("")
    keeper = StoreSupervisor(tmp_path / "file" / "station")
    keeper.start()
    for n in range(100):
        keeper.keep([detection(id=number(n))])
    (tmp_path / "file").unlink()
    keeper.keep([])
    keeper.close()
    kept = ids(tmp_path / "file" / "station")
    assert kept == [number(n) for n in range(len(kept))]
    assert 5 < len(kept) < 100
    assert f"{100 - len(kept)} records were lost" in caplog.text


def test_damage_that_a_short_check_misses_is_repaired_when_it_shows(tmp_path, monkeypatch):
    store = Store(tmp_path)
    evidence = np.ones(512, np.float16)
    for n in range(300):
        store.write_all([detection(id=number(n)), Evidence(number(n), evidence)])
    store.close()
    content = bytearray((tmp_path / FILE_NAME).read_bytes())
    leaves = [
        page
        for page in range(0, len(content), 4096)
        if content[page] == TABLE_LEAF and b"\x00\x3c" * 200 in content[page : page + 4096]
    ]
    content[leaves[-1] : leaves[-1] + 4096] = b"\xa5" * 4096
    (tmp_path / FILE_NAME).write_bytes(content)
    monkeypatch.setattr("edge.records.repair.problem", lambda database, limit_s=0.0: None)
    keeper = StoreSupervisor(tmp_path)
    keeper.start()
    for n in range(300, 320):
        keeper.keep([detection(id=number(n)), Evidence(number(n), evidence)])
        time.sleep(0.05)
    keeper.close()
    assert ids(tmp_path) == [number(n) for n in range(320)]


def test_a_log_that_is_deleted_under_a_listener_loses_nothing(tmp_path):
    keeper = StoreSupervisor(tmp_path)
    keeper.start()
    for n in range(20):
        keeper.keep([detection(id=number(n))])
    (tmp_path / f"{FILE_NAME}-wal").unlink()
    for n in range(20, 30):
        keeper.keep([detection(id=number(n))])
        time.sleep(0.05)
    assert ids(tmp_path)[-1] == number(29)
    shutil.copytree(tmp_path, tmp_path / "killed")  # as a kill leaves it
    assert ids(tmp_path / "killed") == [number(n) for n in range(30)]
    keeper.close()


def test_an_emptied_file_gives_back_what_its_log_holds(tmp_path):
    store = Store(tmp_path / "before")
    store.write_all([detection(id=number(n)) for n in range(50)])
    shutil.copytree(tmp_path / "before", tmp_path / "station")
    (tmp_path / "station" / FILE_NAME).write_bytes(b"")
    with supervised(tmp_path / "station") as keep:
        keep(50)
    assert ids(tmp_path / "station") == [number(n) for n in range(51)]


@pytest.mark.parametrize("step", ["set aside", "replace"])
def test_a_recovery_that_is_killed_is_finished_by_the_next_start(tmp_path, monkeypatch, step):
    store = Store(tmp_path)
    store.write_all([detection(id=number(n)) for n in range(100)])
    store.close()
    path = tmp_path / FILE_NAME

    class Killed(BaseException):
        pass

    def kill(path):
        raise Killed

    monkeypatch.setattr(repair, "_set_aside" if step == "set aside" else "finish", kill)
    with pytest.raises(Killed):
        repair.recover(path)
    monkeypatch.undo()
    with supervised(tmp_path) as keep:
        keep(100)
    assert ids(tmp_path) == [number(n) for n in range(101)]


@pytest.mark.parametrize("version", [-5, 0, 1, 2, 3])
def test_a_version_that_is_not_the_tables_is_recovered_by_the_tables(tmp_path, version):
    store = Store(tmp_path)
    store.write_all([detection(id=number(n)) for n in range(40)])
    store.database.execute(f"PRAGMA user_version = {version}")
    store.close()
    with supervised(tmp_path) as keep:
        keep(40)
    assert ids(tmp_path) == [number(n) for n in range(41)]


@pytest.mark.parametrize("seed", range(6))
def test_the_newest_records_outlive_any_page_of_the_database(tmp_path, seed):
    evidence = np.ones(256, np.float16)
    with supervised(tmp_path) as keep:
        for n in range(200):
            keep(n)
    keeper = StoreSupervisor(tmp_path)
    keeper.start()
    keeper.keep([Evidence(number(7), evidence), Extension(number(7), 99.0, 9)])
    keeper.close()
    path, chance = tmp_path / FILE_NAME, random.Random(seed)
    content = bytearray(path.read_bytes())
    for page in chance.sample(range(4096, len(content), 4096), 5):
        content[page : page + 4096] = chance.randbytes(4096)
    path.write_bytes(content)
    with supervised(tmp_path) as keep:
        keep(200)
    with open_records(tmp_path) as records:
        kept = {one.id: one for one in records.last(1000)}
        assert set(kept) == {number(n) for n in range(201)}
        assert (kept[number(7)].end_s, kept[number(7)].hits) == (99.0, 9)
        assert records.evidence(number(7)).embedding.tolist() == evidence.tolist()
