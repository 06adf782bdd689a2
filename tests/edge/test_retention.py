"""Candidates go after some days; records and reviews never."""

import numpy as np
import pytest

from edge.contract.errors import StoreError
from edge.records import retention
from edge.records.detection import Rejection
from edge.records.evidence import Evidence
from edge.records.inbox import CONFIRMED
from edge.records.reader import connect
from edge.records.retention import Retention
from edge.records.store import DamagedStore, Store
from edge.system import clock
from tests.support.factories import detection

DAY_MS = 86_400_000


def dated(days_ago: float) -> str:
    return clock.uuid7(clock.now_ms() - round(days_ago * DAY_MS))


@pytest.fixture
def synchronised(monkeypatch):
    monkeypatch.setattr(clock, "synchronised", lambda: True)
    monkeypatch.setattr(retention, "_EVERY_S", 0.0)


def fill(store: Store, days: range) -> dict[int, tuple[str, str]]:
    """Ids of a record and a candidate of each day."""
    pairs = {day: (dated(day + 0.5), dated(day + 0.4)) for day in days}
    evidence = np.ones(4, np.float16)
    for reported, candidate in reversed(pairs.values()):
        store.write_all([detection(id=reported), Evidence(reported, evidence)])
        store.write_all([Rejection(detection(id=candidate), "no"), Evidence(candidate, evidence)])
    return pairs


def ids(store: Store) -> set[str]:
    return {getattr(one, "candidate", one).id for one in store.last(100_000)}


def has_evidence(store: Store, record: str) -> bool:
    try:
        store.evidence(record)
    except StoreError:
        return False
    return True


@pytest.mark.usefixtures("synchronised")
def test_old_candidates_and_evidence_go_and_records_stay(tmp_path):
    store = Store(tmp_path)
    pairs = fill(store, range(60))
    tidy = Retention(30)
    while tidy.tidy(store.database):
        pass
    assert ids(store) == {reported for reported, _ in pairs.values()} | {
        candidate for day, (_, candidate) in pairs.items() if day < 30
    }
    for day, both in pairs.items():
        assert [has_evidence(store, one) for one in both] == [day < 30] * 2


@pytest.mark.usefixtures("synchronised")
def test_what_a_person_has_reviewed_stays(tmp_path):
    store = Store(tmp_path)
    pairs = fill(store, range(40, 42))
    store.review(pairs[40][1], CONFIRMED, "parus_major")
    Retention(30).tidy(store.database)
    assert ids(store) == {pairs[40][0], pairs[41][0], pairs[40][1]}
    assert store.verdict(pairs[40][1]) == (CONFIRMED, "parus_major")


@pytest.mark.usefixtures("synchronised")
def test_zero_days_keep_all(tmp_path):
    store = Store(tmp_path)
    fill(store, range(1000, 1002))
    assert Retention(0).tidy(store.database) == 0
    assert len(ids(store)) == 4


def test_a_clock_that_may_be_wrong_sweeps_nothing(tmp_path, monkeypatch):
    monkeypatch.setattr(clock, "synchronised", lambda: False)
    store = Store(tmp_path)
    fill(store, range(100, 105))
    Retention(30).tidy(store.database)
    assert len(ids(store)) == 10


def test_without_a_clock_the_newest_candidates_stay(tmp_path, monkeypatch):
    monkeypatch.setattr(clock, "synchronised", lambda: False)
    monkeypatch.setattr(retention, "MOST_HEARD", 6)
    store = Store(tmp_path)
    pairs = fill(store, range(10))
    Retention(30).tidy(store.database)
    assert ids(store) == {reported for reported, _ in pairs.values()} | {
        candidate for day, (_, candidate) in pairs.items() if day < 3
    }


@pytest.mark.usefixtures("synchronised")
def test_it_goes_in_steps_and_gives_room_back(tmp_path):
    store = Store(tmp_path)
    evidence = np.ones(4, np.float16)
    for n in range(1200):
        candidate = Rejection(detection(id=dated(40 - n / 10_000)), "no")
        store.write_all([candidate, Evidence(candidate.candidate.id, evidence)])
    tidy, gone = Retention(30), []
    (full,) = store.database.execute("PRAGMA page_count").fetchone()
    while step := tidy.tidy(store.database):
        gone.append(step)
    assert gone == [500, 500, 200]
    (left,) = store.database.execute("PRAGMA page_count").fetchone()
    assert left < full / 2


@pytest.mark.usefixtures("synchronised")
def test_damage_that_retention_meets_is_repaired(tmp_path):
    store = Store(tmp_path)
    fill(store, range(40, 140))
    (page,) = store.database.execute(
        "SELECT rootpage FROM sqlite_schema WHERE name = 'kept_embeddings'"
    ).fetchone()
    overwrite(store, page)
    with pytest.raises(DamagedStore):
        store.tidy(Retention(30))


def overwrite(store: Store, page: int) -> None:
    store.close()
    with store.path.open("r+b") as file:
        file.seek((page - 1) * 4096)
        file.write(b"\xa5" * 4096)
    store._database = connect(store.path)


@pytest.mark.usefixtures("synchronised")
def test_ids_of_a_clock_that_was_ahead_stand_in_nobodys_way(tmp_path):
    store = Store(tmp_path)
    fill(store, range(-900, -300))  # years ahead, and first
    pairs = fill(store, range(40, 45))
    while store.tidy(Retention(30)):
        pass
    assert not ids(store) & {candidate for _, candidate in pairs.values()}
