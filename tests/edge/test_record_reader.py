"""Readers of a station only read: beside a listener, on a protected card, in a damaged file."""

import shutil
import sqlite3

import pytest

from edge.contract.errors import StoreError
from edge.records.detection import Rejection
from edge.records.migrations import MIGRATIONS
from edge.records.reader import open_records
from edge.records.schema import FILE_NAME, migrate
from edge.records.store import Store
from edge.system import clock
from tests.support.factories import detection

IDS = [f"01990000-0000-7000-8000-{n:012x}" for n in range(2000)]


def contents(station) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in station.iterdir()}


def test_reading_changes_nothing(tmp_path):
    store = Store(tmp_path)
    store.write_all([detection(id=one) for one in IDS[:5]])
    store.close()
    before = contents(tmp_path)
    with open_records(tmp_path) as records:
        assert len(records.last(10)) == 5
    assert contents(tmp_path) == before


def test_reading_beside_a_writer_sees_what_it_has_kept(tmp_path):
    store = Store(tmp_path)
    with open_records(tmp_path) as records:
        for count, one in enumerate(IDS[:5], 1):
            store.write(detection(id=one))
            assert len(records.last(10)) == count


@pytest.mark.parametrize("log", ["full", "empty", "absent"])
def test_a_card_that_cant_be_written_is_read(small_disk, tmp_path, log):
    """Also one that was pulled out: then the newest records lie in the log."""
    store = Store(tmp_path / "station")
    store.write_all([detection(id=one) for one in IDS[:5]])
    if log != "full":
        store.close()
    shutil.copytree(tmp_path / "station", small_disk.path / "card")
    if log == "empty":
        (small_disk.path / "card" / f"{FILE_NAME}-wal").touch()
    small_disk.protect()
    with open_records(small_disk.path / "card") as records:
        assert [one.id for one in records.last(10)] == IDS[:5]


def test_a_locked_database_is_read_all_the_same(tmp_path):
    store = Store(tmp_path)
    store.write(detection(id=IDS[0]))
    store.database.execute("BEGIN IMMEDIATE")
    with open_records(tmp_path) as records:
        assert records.find(IDS[0]).id == IDS[0]


@pytest.mark.parametrize("content", [b"not a database " * 400, b"", b"SQLite format 3\0" * 400])
def test_what_is_damaged_is_told_and_left_to_the_listener(tmp_path, content):
    (tmp_path / FILE_NAME).write_bytes(content)
    with pytest.raises(StoreError, match=FILE_NAME), open_records(tmp_path) as records:
        records.last(5)
    assert contents(tmp_path) == {FILE_NAME: content}


def test_a_newer_version_is_refused_and_an_older_one_read(tmp_path):
    database = sqlite3.connect(tmp_path / FILE_NAME, isolation_level=None)
    migrate(database, MIGRATIONS[:3])
    with open_records(tmp_path) as records:
        assert records.last(5) == []
    database.execute(f"PRAGMA user_version = {len(MIGRATIONS) + 1}")
    database.close()
    with pytest.raises(StoreError, match="update it"), open_records(tmp_path):
        pass


def test_any_part_of_an_id_finds_its_record(tmp_path):
    store = Store(tmp_path)
    ids = [clock.uuid7(1_790_000_000_000 + 977 * n) for n in range(300)]
    store.write_all([detection(id=one) for one in ids])
    for one in ids[::50]:
        for part in (one, one[-12:], one[:23], one[20:30], one[-7:]):
            assert store.find(part).id == one


@pytest.mark.parametrize(
    "part",
    ["%", "_", "", "x' OR 1", "\N{BIRD}", "\U0010ffff", "\ud7ff", "\udcff", "0199\x00", "Z" * 36],
)
def test_what_is_no_part_of_an_id_finds_none(tmp_path, part):
    store = Store(tmp_path)
    store.write_all([detection(id=one) for one in IDS[:2]])
    with pytest.raises(StoreError, match=r"no id|several ids"):
        store.find(part)


def test_a_rejected_candidate_is_found_with_its_reason(tmp_path):
    store = Store(tmp_path)
    store.write(Rejection(detection(id=IDS[0]), "no"))
    assert store.find(IDS[0][-12:]).reason == "no"


@pytest.mark.parametrize(
    "damage",
    [
        "pictures = '[[1,'",
        "top = '{}'",
        "pictures = 'null'",
        "detected_at = 9223372036854775807",
        "source = CAST(x'ff41' AS TEXT)",
        "common_name = NULL",
    ],
)
def test_a_damaged_record_keeps_no_other_from_being_read(tmp_path, damage):
    store = Store(tmp_path)
    store.write_all([detection(id=one) for one in IDS[:3]])
    column = damage.partition(" ")[0]
    table = {"source": "contexts", "common_name": "species"}.get(column, "kept_records")
    if table == "species":
        store.database.execute("DELETE FROM species")
    else:
        store.database.execute(f"UPDATE {table} SET {damage} WHERE number = 1")
    with open_records(tmp_path) as records:
        found = [one.id for one in records.last(5)]
    assert found[-2:] == IDS[1:3]
