import threading
import time
from collections.abc import Iterator

import numpy as np
import pytest

from edge.contract.errors import DeviceError
from edge.source.block import Block
from edge.source.ring import Ring

RATE_HZ = 1000


def block(n: int) -> Block:
    """A tenth of a second."""
    return Block(np.full(100, n, np.float32), RATE_HZ, 100 * n)


def numbers(blocks: Iterator[Block]) -> list[int]:
    return [block.first_sample // 100 for block in blocks]


def test_blocks_come_out_whole_and_in_order() -> None:
    ring = Ring((block(n) for n in range(200)), capacity_s=100)
    assert numbers(ring.blocks()) == list(range(200))
    assert ring.dropped_s == 0


def test_an_empty_source_ends_at_once() -> None:
    assert list(Ring(()).blocks()) == []


def test_when_full_the_oldest_are_dropped_and_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("edge.source.ring._AHEAD_S", float("inf"))  # as if it sounded now
    read_all = threading.Event()

    def source() -> Iterator[Block]:
        yield block(0)
        yield from (block(n) for n in range(1, 100))
        read_all.set()

    ring = Ring(source(), capacity_s=1.0)
    blocks = ring.blocks()
    first = next(blocks).first_sample // 100
    assert read_all.wait(10)
    rest = numbers(blocks)
    assert rest == list(range(90, 100)) or (first >= 90 and rest == list(range(first + 1, 100)))
    assert ring.dropped_s == pytest.approx((100 - len(rest) - 1) / 10)


def test_a_block_longer_than_the_ring_still_comes_through() -> None:
    ring = Ring([block(0)], capacity_s=0.01)
    assert numbers(ring.blocks()) == [0]
    assert ring.dropped_s == 0


def test_an_error_of_the_source_comes_after_the_blocks_before_it() -> None:
    def source() -> Iterator[Block]:
        yield block(0)
        yield block(1)
        raise DeviceError("unplugged")

    blocks = Ring(source(), capacity_s=10).blocks()
    assert [next(blocks).first_sample, next(blocks).first_sample] == [0, 100]
    with pytest.raises(DeviceError, match="unplugged"):
        next(blocks)


def test_reading_goes_on_while_inference_is_busy() -> None:
    ahead = threading.Event()

    def source() -> Iterator[Block]:
        for n in range(20):
            yield block(n)
        ahead.set()

    blocks = Ring(source(), capacity_s=10).blocks()
    assert next(blocks).first_sample == 0
    assert ahead.wait(10)
    assert numbers(blocks) == list(range(1, 20))


def test_a_source_faster_than_real_time_is_held_up_not_dropped() -> None:
    ring = Ring((block(n) for n in range(1000)), capacity_s=10)
    assert numbers(ring.blocks()) == list(range(1000))
    assert ring.dropped_s == 0


class Clock:
    """What the ring takes for the time."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now_s = 0.0
        monkeypatch.setattr("edge.source.ring.time.monotonic", lambda: self.now_s)


def test_a_fast_source_loses_nothing_however_the_threads_meet(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    clock, paused, going_on = Clock(monkeypatch), threading.Event(), threading.Event()

    def source() -> Iterator[Block]:
        for n in range(6100):
            clock.now_s += 0.01  # ten times real time
            if n == 5900:
                paused.set()
                assert going_on.wait(10)
                clock.now_s += 2
            yield block(n)

    ring, heard = Ring(source(), capacity_s=10), []
    for piece in ring.blocks():
        heard.append(piece.first_sample // 100)
        if heard[-1] == 5840:
            assert paused.wait(10)
            going_on.set()
            time.sleep(0.3)  # the source fills the ring
    assert heard == list(range(6100))
    assert ring.dropped_s == 0


@pytest.mark.parametrize("fast", [0.0, 1e-4, 9e-4])
def test_a_card_that_runs_fast_for_a_day_is_still_a_live_one(
    monkeypatch: pytest.MonkeyPatch, fast: float
) -> None:
    clock, day = Clock(monkeypatch), 86_400
    read_all = threading.Event()

    def source() -> Iterator[Block]:
        for n in range(day):
            clock.now_s += 1 - fast
            yield Block(np.zeros(10, np.float32), 10, 10 * n)
        read_all.set()

    ring = Ring(source(), capacity_s=10)
    blocks = ring.blocks()
    next(blocks)
    assert read_all.wait(30)  # nobody takes anything: it is dropped, not held up
    assert ring.dropped_s > day - 20
    ring.close()


def test_a_stop_ends_a_ring_whose_source_is_silent() -> None:
    stopped, silent = threading.Event(), threading.Event()

    def source() -> Iterator[Block]:
        yield block(0)
        silent.wait(30)

    ring = Ring(source(), stopped)
    blocks = ring.blocks()
    assert next(blocks).first_sample == 0
    stopped.set()
    assert list(blocks) == []
    silent.set()
    ring.close()


def second(n: int) -> Block:
    return Block(np.zeros(10, np.float32), 10, 10 * n)


def unread(blocks: list[Block], capacity_s: float) -> Ring:
    """A ring that has taken a whole source in before anybody reads."""
    taken = threading.Event()

    def source() -> Iterator[Block]:
        yield from blocks
        taken.set()

    ring = Ring(source(), capacity_s=capacity_s)
    ring.start()
    assert taken.wait(10)
    return ring


def starts_s(ring: Ring) -> list[int]:
    return [block.first_sample // 10 for block in ring.blocks()]


def test_as_much_as_the_capacity_is_held(monkeypatch: pytest.MonkeyPatch) -> None:
    Clock(monkeypatch)
    ring = unread([second(n) for n in range(3)], capacity_s=3)
    assert starts_s(ring) == [0, 1, 2]
    assert ring.dropped_s == 0


def test_of_blocks_longer_than_the_ring_the_newest_is_held(monkeypatch: pytest.MonkeyPatch) -> None:
    Clock(monkeypatch)
    ring = unread([second(n) for n in range(2)], capacity_s=0.5)
    assert ring.dropped_s == 1
    assert starts_s(ring) == [1]


def test_what_was_read_makes_room(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("edge.source.ring._AHEAD_S", float("inf"))
    going_on, taken = threading.Event(), threading.Event()

    def source() -> Iterator[Block]:
        yield from (second(n) for n in range(3))
        assert going_on.wait(10)
        yield from (second(n) for n in range(3, 5))
        taken.set()

    ring = Ring(source(), capacity_s=3)
    blocks = ring.blocks()
    assert [next(blocks).first_sample // 10 for _ in range(2)] == [0, 1]
    going_on.set()
    assert taken.wait(10)
    assert [block.first_sample // 10 for block in blocks] == [2, 3, 4]
    assert ring.dropped_s == 0


def test_a_source_that_is_five_seconds_ahead_is_live_and_beyond_that_it_can_wait(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    Clock(monkeypatch)  # stands still: every second of sound is one ahead
    six = threading.Event()

    def source() -> Iterator[Block]:
        yield from (second(n) for n in range(6))
        six.set()
        yield from (second(n) for n in range(6, 12))

    ring = Ring(source(), capacity_s=3)
    ring.start()
    assert six.wait(10)
    assert starts_s(ring) == list(range(2, 12))
    assert ring.dropped_s == 2  # the fourth and the fifth second came before it was known


def test_a_pause_of_the_source_uses_its_lead_up(monkeypatch: pytest.MonkeyPatch) -> None:
    clock, seen = Clock(monkeypatch), threading.Event()

    def source() -> Iterator[Block]:
        for n in range(12):
            if n % 4 == 0:
                clock.now_s += 100
            yield second(n)
        seen.set()

    ring = Ring(source(), capacity_s=2)
    ring.start()
    assert seen.wait(10)  # never more than four seconds ahead: it is not held up
    assert starts_s(ring) == [10, 11]
    assert ring.dropped_s == 10


def test_blocks_without_samples_are_bounded_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("edge.source.ring._GAPS", 3)
    ring = unread([Block.gap() for _ in range(8)], capacity_s=3)
    assert len(list(ring.blocks())) == 3
    assert ring.dropped_s == 0
