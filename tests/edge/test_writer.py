import threading

import pytest

from edge.records.detection import Detection
from edge.records.writer import Writer
from tests.support.factories import detection


def test_records_reach_the_sink_in_order_before_leaving() -> None:
    reached: list[str] = []
    with Writer(lambda record: reached.append(record.id)) as writer:
        for n in range(100):
            writer.write(detection(id=str(n)))
    assert reached == [str(n) for n in range(100)]


def test_a_slow_sink_does_not_hold_up_the_listener() -> None:
    go_on, reached = threading.Event(), []

    def slow(record: Detection) -> None:
        go_on.wait(10)
        reached.append(record.id)

    with Writer(slow) as writer:
        for n in range(3):
            writer.write(detection(id=str(n)))
        assert reached == []
        go_on.set()
    assert reached == ["0", "1", "2"]


def test_what_there_is_no_room_for_is_refused() -> None:
    go_on, reached = threading.Event(), []

    def slow(item: int) -> None:
        go_on.wait(10)
        reached.append(item)

    with Writer(slow, most=2) as writer:
        taken = [n for n in range(5) if writer.offer(n)]
        go_on.set()
    assert reached == taken
    assert 2 <= len(taken) <= 3


def test_a_failed_sink_is_raised_at_the_latest_on_leaving() -> None:
    def closed(record: Detection) -> None:
        raise BrokenPipeError("closed")

    with pytest.raises(BrokenPipeError), Writer(closed) as writer:
        writer.write(detection())


def test_a_failed_sink_stops_the_next_write() -> None:
    failed = threading.Event()

    def closed(record: Detection) -> None:
        failed.set()
        raise BrokenPipeError("closed")

    def write_again(writer: Writer) -> None:
        writer.write(detection())
        assert failed.wait(10)
        writer._thread.join(10)
        writer.write(detection())
        pytest.fail("the second write was taken")

    with pytest.raises(BrokenPipeError), Writer(closed) as writer:
        write_again(writer)


def test_the_listeners_own_error_is_not_replaced_by_the_sinks() -> None:
    def closed(record: Detection) -> None:
        raise BrokenPipeError("closed")

    def fail(writer: Writer) -> None:
        writer.write(detection())
        raise ValueError("of the listener")

    with pytest.raises(ValueError, match="of the listener"), Writer(closed) as writer:
        fail(writer)


def test_what_was_found_before_an_error_is_still_written() -> None:
    reached: list[Detection] = []

    def fail(writer: Writer) -> None:
        writer.write(detection())
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt), Writer(reached.append) as writer:
        fail(writer)
    assert reached == [detection()]
