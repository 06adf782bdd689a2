"""The records are the queue: a courier's place survives whatever becomes of them."""

import json
import sqlite3
import threading
from pathlib import Path

import pytest

from edge.publish import queue
from edge.publish.courier import Courier
from edge.publish.delivery import FOR_EVER, Undeliverable, Undelivered
from edge.publish.queue import Place
from edge.records.detection import FileBegun, Rejection
from edge.records.reader import open_records
from edge.records.schema import FILE_NAME
from edge.records.store import Store
from tests.support.broker import until
from tests.support.factories import detection
from tests.support.published import Recorder


class Listener:
    """A receiver that remembers, and fails as it is told."""

    name, shown, patience_s = "listener", "listener", FOR_EVER

    def __init__(self, faults=()):
        self.told, self.faults = [], list(faults)

    def look(self, records, state):
        return None

    def prepare(self, records, queued):
        return queued.record.id

    def tend(self):
        pass

    def deliver(self, content, state):
        if self.faults:
            raise self.faults.pop(0)
        self.told.append(content)
        return state

    def close(self):
        pass


def run(station: Path, receiver: Listener, wanted: int, since_ms=None) -> Courier:
    """Let a courier run until it has told as many."""
    courier, stop = Courier(station, receiver, since_ms), threading.Event()
    thread = threading.Thread(target=courier.run, args=(stop,))
    thread.start()
    try:
        until(lambda: len(receiver.told) + courier.tally.failed >= wanted and courier.place)
    finally:
        stop.set()
        thread.join()
    return courier


@pytest.fixture
def recorder(tmp_path):
    writer = Recorder(tmp_path / "station")
    yield writer
    writer.close()


def test_a_first_start_begins_with_what_comes_next(recorder):
    recorder.hear(3)
    run(recorder.station, Listener(), 0)
    recorder.hear(2)
    receiver = Listener()
    run(recorder.station, receiver, 2)
    assert receiver.told == recorder.ids[3:]


def test_since_tells_again_what_was(recorder):
    recorder.hear(120)
    receiver = Listener()
    run(recorder.station, receiver, 120, since_ms=0)
    assert receiver.told == recorder.ids


def test_what_was_not_acknowledged_is_told_again(recorder):
    run(recorder.station, Listener(), 0)
    recorder.hear(2)
    receiver = Listener([Undelivered("away"), ValueError("a bug")])
    courier = run(recorder.station, receiver, 2)
    assert receiver.told == recorder.ids
    assert courier.tally.retried == 2


def test_what_is_refused_is_left_out_and_the_rest_goes_on(recorder, caplog):
    run(recorder.station, Listener(), 0)
    recorder.hear(2)
    receiver = Listener([Undeliverable("refused (400)")])
    courier = run(recorder.station, receiver, 2)
    assert receiver.told == recorder.ids[1:]
    assert courier.tally.failed == 1
    assert "refused (400); left out" in caplog.text


def test_candidates_are_not_told(recorder):
    run(recorder.station, Listener(), 0)
    recorder._store.write(Rejection(detection(id=recorder._ids.new()), "too faint"))
    recorder.hear()
    receiver = Listener()
    run(recorder.station, receiver, 1)
    assert receiver.told == recorder.ids


def test_two_of_a_name_do_not_tell_the_same(recorder, caplog):
    first, stop = Courier(recorder.station, Listener()), threading.Event()
    thread = threading.Thread(target=first.run, args=(stop,))
    thread.start()
    until(lambda: first.place is not None)
    second, other = Courier(recorder.station, Listener()), threading.Event()
    late = threading.Thread(target=second.run, args=(other,))
    late.start()
    until(lambda: "in use by another" in caplog.text)
    assert second.place is None
    for event, running in ((stop, thread), (other, late)):
        event.set()
        running.join()


@pytest.mark.parametrize("text", ["", "{", "[]", '{"number": "x"}', '{"colour": 1}'])
def test_a_damaged_state_is_told_and_never_guessed(recorder, caplog, text):
    recorder.hear()
    folder = recorder.station / "publish"
    folder.mkdir()
    (folder / "listener.json").write_text(text)
    courier, stop = Courier(recorder.station, Listener()), threading.Event()
    thread = threading.Thread(target=courier.run, args=(stop,))
    thread.start()
    until(lambda: "expected a publisher's state" in caplog.text)
    stop.set()
    thread.join()
    assert courier.receiver.told == []


def test_a_place_is_found_again_in_records_that_were_replaced(recorder):
    """Numbers begin anew then; ids go on."""
    recorder.hear(5)
    place = Place(5, recorder.ids[-1])
    recorder.close()
    for file in recorder.station.glob(f"{FILE_NAME}*"):
        file.unlink()
    recorder._store = Store(recorder.station)
    new = recorder.hear(3)
    with open_records(recorder.station) as records:
        found = queue.found_again(records, place)
        waiting = queue.behind(records, found, 50).records
    assert [queued.record.id for queued in waiting] == [record.id for record in new]


def test_a_place_is_found_again_when_its_recording_was_heard_anew(recorder):
    recorder.hear(2)
    recorder.hear(2, source="a.wav", root="/card", volume="card")
    place = Place(4, recorder.ids[-1])
    recorder._store.write(FileBegun("a.wav", "/card", "card"))
    new = recorder.hear(2, source="a.wav", root="/card", volume="card")
    with open_records(recorder.station) as records:
        found = queue.found_again(records, place)
        waiting = queue.behind(records, found, 50).records
    assert [queued.record.id for queued in waiting] == [record.id for record in new]


def test_records_of_an_older_program_are_waited_for(tmp_path, caplog):
    station = tmp_path / "old"
    Store(station).close()
    Recorder(station).close()
    with sqlite3.connect(station / FILE_NAME) as database:
        database.execute("PRAGMA user_version = 3")
    database.close()
    courier, stop = Courier(station, Listener()), threading.Event()
    thread = threading.Thread(target=courier.run, args=(stop,))
    thread.start()
    until(lambda: "the records are of version 3" in caplog.text)
    assert thread.is_alive()
    stop.set()
    thread.join()


def test_the_state_says_how_far_it_has_come(recorder):
    run(recorder.station, Listener(), 0)
    recorder.hear(2)
    run(recorder.station, Listener(), 2)
    state = json.loads((recorder.station / "publish" / "listener.json").read_text())
    assert (state["number"], state["id"]) == (2, recorder.ids[-1])
