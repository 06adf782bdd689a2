"""Evidence: all windows of a record, grown with it, read from old stations, too."""

from pathlib import Path

import numpy as np
import pytest

from edge.decision.confirm import MOST_WINDOWS
from edge.records import migrations
from edge.records.codec import decode, encode
from edge.records.detection import Rejection
from edge.records.evidence import Evidence, decided_since
from edge.records.reader import connect, open_records
from edge.records.schema import FILE_NAME, migrate
from edge.records.store import Store
from tests.support.factories import detection, unit_rows

ONE, OTHER = (f"01990000-0000-7000-8000-00000000000{n}" for n in (1, 2))


def evidence(windows: int, sounds: bool = True, record: str = ONE) -> Evidence:
    rows = unit_rows(windows, 1)
    heard = unit_rows(windows, 2)[:, :4] if sounds else None
    return Evidence(record, rows[0], rows[1:] if windows > 1 else None, heard)


def same(first: Evidence, second: Evidence) -> bool:
    return np.array_equal(first.rows, second.rows) and np.array_equal(first.lessons, second.lessons)


@pytest.mark.parametrize("sounds", [True, False])
@pytest.mark.parametrize("windows", [1, 2, MOST_WINDOWS])
def test_what_is_kept_is_read_again(tmp_path: Path, windows: int, sounds: bool) -> None:
    whole = evidence(windows, sounds)
    store = Store(tmp_path)
    store.write_all([detection(id=ONE), whole])
    assert same(store.evidence(ONE), whole)
    assert same(decode(encode(whole)), whole)


def test_it_grows_with_its_record_and_never_shrinks(tmp_path: Path) -> None:
    store = Store(tmp_path)
    store.write_all([detection(id=ONE), evidence(2)])
    store.write(evidence(5))
    assert same(store.evidence(ONE), evidence(5))
    store.write(evidence(3))
    assert same(store.evidence(ONE), evidence(5))


def test_it_goes_as_a_whole(tmp_path: Path) -> None:
    store = Store(tmp_path)
    store.write_all([detection(id=ONE), evidence(5)])
    store.write_all([detection(id=OTHER), evidence(2, record=OTHER)])
    store.database.execute("DELETE FROM embeddings WHERE record = ?", (ONE,))
    (left,) = store.database.execute("SELECT count(*) FROM kept_windows").fetchone()
    assert left == 1
    assert same(store.evidence(OTHER), evidence(2, record=OTHER))


def test_windows_of_another_size_are_left_out(tmp_path: Path) -> None:
    store = Store(tmp_path)
    store.write_all([detection(id=ONE), evidence(3)])
    store.database.execute("UPDATE kept_windows SET others = x'0102'")
    assert len(store.evidence(ONE).rows) == 1


def test_a_station_of_before_is_read_and_brought_to_the_newest_version(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    former, row = migrations.MIGRATIONS[:9], unit_rows(1, 1)[0]
    database = connect(tmp_path / FILE_NAME)
    migrate(database, former)
    new = Store.__new__(Store)
    new._database = database
    new._put(detection(id=ONE))
    database.execute("INSERT INTO embeddings VALUES (?, ?)", (ONE, row.tobytes()))
    database.close()
    with open_records(tmp_path) as records:
        assert np.array_equal(records.evidence(ONE).rows, row[None])
    store = Store(tmp_path)
    assert np.array_equal(store.evidence(ONE).rows, row[None])
    store.write(evidence(2))
    assert len(store.evidence(ONE).rows) == 2


def test_the_newest_decisions_of_an_encoder_come_first(tmp_path: Path) -> None:
    store = Store(tmp_path)
    store.write_all(
        [
            detection(id=ONE),
            evidence(2),
            Rejection(detection(id=OTHER, hits_needed=3), "too few"),
            evidence(3, record=OTHER),
        ]
    )
    model = detection().model_id
    found = list(decided_since(store.database, "", model, 10))
    assert [(one.evidence.id, one.was_reported, one.hits_needed) for one in found] == [
        (OTHER, False, 3),
        (ONE, True, 2),
    ]
    assert [len(one.evidence.rows) for one in found] == [3, 2]
    assert len(list(decided_since(store.database, "", model, 1))) == 1
    assert list(decided_since(store.database, OTHER[:-1] + "3", model, 10)) == []
    assert list(decided_since(store.database, "", "b" * 64, 10)) == []
