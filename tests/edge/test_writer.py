import builtins
import threading
import time
from collections.abc import Sequence

import pytest

from edge.records.detection import Detection
from edge.records.writer import BatchPace, Writer
from tests.support.factories import detection


def test_records_reach_the_sink_in_order_before_leaving() -> None:
    reached: list[str] = []
    with Writer(lambda batch: reached.extend(record.id for record in batch)) as writer:
        for n in range(100):
            writer.write(detection(id=str(n)))
    assert reached == [str(n) for n in range(100)]


def test_a_slow_sink_does_not_hold_up_the_listener() -> None:
    go_on, reached = threading.Event(), []

    def slow(batch: Sequence[Detection]) -> None:
        go_on.wait(10)
        reached.extend(record.id for record in batch)

    with Writer(slow) as writer:
        for n in range(3):
            writer.write(detection(id=str(n)))
        assert reached == []
        go_on.set()
    assert reached == ["0", "1", "2"]


def test_what_there_is_no_room_for_is_refused() -> None:
    go_on, reached = threading.Event(), []

    def slow(batch: Sequence[int]) -> None:
        go_on.wait(10)
        reached.extend(batch)

    with Writer(slow, most=2) as writer:
        taken = [n for n in range(5) if writer.offer(n)]
        go_on.set()
    assert reached == taken
    assert 2 <= len(taken) <= 4


def test_a_failed_sink_is_raised_at_the_latest_on_leaving() -> None:
    def closed(batch: Sequence[Detection]) -> None:
        raise BrokenPipeError("closed")

    with pytest.raises(BrokenPipeError), Writer(closed) as writer:
        writer.write(detection())


def test_a_failed_sink_stops_the_next_write() -> None:
    failed = threading.Event()

    def closed(batch: Sequence[Detection]) -> None:
        failed.set()
        raise BrokenPipeError("closed")

    def write_again(writer: Writer) -> None:
        writer.write(detection())
        assert failed.wait(10)
        for _ in range(100):
            time.sleep(0.05)
            writer.write(detection())
        pytest.fail("all later writes were taken")

    with pytest.raises(BrokenPipeError), Writer(closed) as writer:
        write_again(writer)


def test_the_listeners_own_error_is_not_replaced_by_the_sinks() -> None:
    def closed(batch: Sequence[Detection]) -> None:
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

    with pytest.raises(KeyboardInterrupt), Writer(reached.extend) as writer:
        fail(writer)
    assert reached == [detection()]


def every_fault() -> list[type[Exception]]:
    found = [one for one in vars(builtins).values() if isinstance(one, type)]
    return [
        one
        for one in found
        if issubclass(one, Exception) and not issubclass(one, (BrokenPipeError, UnicodeError))
    ]


@pytest.mark.parametrize("fault", every_fault())
def test_no_fault_of_a_sink_ends_it(fault: type[Exception]) -> None:
    reached: list[int] = []

    def failing(batch: Sequence[int]) -> None:
        reached.extend(batch)
        if batch == [1]:
            raise fault

    with Writer(failing, pace=BatchPace(every_s=0)) as writer:
        for n in range(4):
            writer.write(n)
            while reached[-1:] != [n]:
                time.sleep(0.001)
    assert reached == [0, 1, 2, 3]


def test_what_is_not_urgent_waits_for_more_of_its_kind() -> None:
    batches: list[list[int]] = []
    pace = BatchPace(every_s=0, idle_s=0.01, patience_s=60)
    with Writer(lambda batch: batches.append([*batch]), pace=pace, urgent=is_even) as writer:
        for n in (1, 3, 5, 2):
            writer.write(n)
        while [1, 3, 5, 2] not in batches:
            time.sleep(0.001)
        writer.write(7)
    assert [batch for batch in batches if batch] == [[1, 3, 5, 2], [7]]


def is_even(number: int) -> bool:
    return number % 2 == 0
