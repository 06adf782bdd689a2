"""The newest records once more: two files take turns, and the newest are always whole in them."""

import pytest

from edge.records.recent import RecentRecords
from tests.support.factories import detection


def opened(station, size=60_000) -> RecentRecords:
    recent = RecentRecords(station, size)
    recent.open()
    return recent


@pytest.mark.parametrize("count", [0, 1, 40, 100, 300, 1000])
def test_the_newest_are_there_in_order_after_a_restart(tmp_path, count):
    recent = opened(tmp_path)
    for n in range(count):
        recent.add([detection(id=f"{n:036}")])
        if n % 97 == 0:  # restarts in between
            recent.close()
            recent = opened(tmp_path)
    held = [record.id for record in opened(tmp_path).records()]
    assert held == [f"{n:036}" for n in range(count - len(held), count)]
    assert len(held) >= min(count, 40)


def test_a_batch_goes_over_from_one_file_to_the_other(tmp_path):
    recent = opened(tmp_path)
    for begin in range(0, 400, 50):
        recent.add([detection(id=f"{n:036}") for n in range(begin, begin + 50)])
    held = [record.id for record in recent.records()]
    assert held[-1] == f"{399:036}"
    assert held == sorted(held)


def test_without_room_there_are_none_and_none_is_taken(small_disk):
    small_disk.leave(70_000)
    recent = opened(small_disk.path)
    recent.add([detection()])
    assert list(recent.records()) == []
    assert [path.name for path in small_disk.path.iterdir()] == ["filler"]


def test_a_folder_that_is_made_again_has_them_again(tmp_path):
    station = tmp_path / "station"
    station.mkdir()
    recent = opened(station)
    recent.add([detection()])
    for path in station.iterdir():
        path.unlink()
    recent.open()
    recent.add([detection(id="new")])
    assert [record.id for record in opened(station).records()] == ["new"]
