"""A source that never gives up: scripted captures, no sound server."""

import logging
import os
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

from edge.contract.errors import BirdlistenError, DeviceError
from edge.source.block import Block
from edge.source.child import Child
from edge.source.fault import SourceAbsent, SourceFault
from edge.source.schedule import Schedule
from edge.source.supervisor import Patience, Supervisor
from tests.support.faults import FAULTS, raised

RATE_HZ = 1000
PATIENCE = Patience(flat_s=2.0, backoff_s=0.25, backoff_max_s=2.0, healthy_s=60.0)


def noise(position: int, samples: int = 100) -> Block:
    return Block(np.random.default_rng(position).random(samples, np.float32), RATE_HZ, position)


class Script:
    """Each life of the source is the next list: blocks to deliver, or an error to raise."""

    name = "scripted"

    def __init__(self, *lives: list[Block | Exception]) -> None:
        self.lives, self.closed = list(lives), 0

    def blocks(self, patience: Patience) -> Iterator[Block]:
        try:
            for one in self.lives.pop(0):
                if isinstance(one, Exception):
                    raise one
                yield one
        finally:
            self.closed += 1

    def absent(self, error: SourceAbsent) -> BirdlistenError:
        return DeviceError(f"{error}; there are others")


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Callable[[], list[float]]:
    """Time that passes only in sleep; gives what was slept."""
    slept: list[float] = []
    monkeypatch.setattr("edge.source.supervisor.time.monotonic", lambda: sum(slept))

    class Event:
        def is_set(self) -> bool:
            return False

        def wait(self, seconds: float) -> None:
            slept.append(seconds)

    monkeypatch.setattr("edge.source.supervisor.threading.Event", Event)
    return lambda: slept


def test_after_a_fault_the_source_is_started_again_and_the_gap_shows(clock) -> None:
    script = Script([noise(0), noise(100), SourceFault("gone")], [noise(0)])
    blocks = list(Supervisor(script, patience=PATIENCE).blocks())
    assert [len(block.samples) for block in blocks] == [100, 100, 0, 100]
    assert [block.first_sample for block in blocks if len(block.samples)] == [0, 100, 250]
    assert script.closed == 2


def test_time_never_goes_back_where_a_card_runs_fast(clock) -> None:
    script = Script([noise(0, 5000), SourceFault("gone")], [noise(0)])
    first, _, after = Supervisor(script, patience=PATIENCE).blocks()
    assert after.first_sample == first.end_sample


def test_waits_double_up_to_a_limit_and_are_short_again_after_health(clock) -> None:
    faults = [[noise(0), SourceFault("gone")] for _ in range(6)]
    script = Script(*faults, [noise(0)])
    list(Supervisor(script, patience=PATIENCE).blocks())
    assert clock() == [0.25, 0.5, 1.0, 2.0, 2.0, 2.0]


def test_a_healthy_life_shortens_the_wait(clock) -> None:
    script = Script(
        [SourceFault("x")], [SourceFault("x")], [noise(0), SourceFault("x")], [noise(0)]
    )
    blocks = Supervisor(script, wait=True, patience=PATIENCE).blocks()
    next(blocks)
    clock().append(61.0)  # it lives for a minute
    list(blocks)
    assert clock() == [0.25, 0.5, 61.0, 0.25]


def test_a_line_that_does_not_move_is_a_fault(clock, caplog: pytest.LogCaptureFixture) -> None:
    flat = [Block(np.full(1000, 0.25, np.float32), RATE_HZ, 1000 * n) for n in range(9)]
    script = Script(flat, [noise(0)])
    blocks = list(Supervisor(script, patience=PATIENCE).blocks())
    assert [len(block.samples) for block in blocks] == [1000, 1000, 0, 100]
    assert "has not moved for 2 s" in caplog.text


def test_noise_between_flat_blocks_is_no_fault(clock) -> None:
    flat = Block(np.zeros(1500, np.float32), RATE_HZ, 0)
    lives = [flat, noise(1500), flat.moved(1600), noise(3100)]
    blocks = list(Supervisor(Script(lives), patience=PATIENCE).blocks())
    assert len(blocks) == 4


def test_an_absent_source_ends_it_at_the_start_only(clock) -> None:
    absent = SourceAbsent("no such device")
    with pytest.raises(DeviceError, match="there are others"):
        list(Supervisor(Script([absent]), patience=PATIENCE).blocks())
    script = Script([noise(0), SourceFault("gone")], [absent], [absent], [noise(0)])
    assert (
        sum(len(block.samples) for block in Supervisor(script, patience=PATIENCE).blocks()) == 200
    )
    script = Script([absent], [absent], [noise(0)])
    assert len(list(Supervisor(script, wait=True, patience=PATIENCE).blocks())) == 1


def test_what_no_restart_can_mend_is_raised_at_once_but_not_later(clock) -> None:
    error = DeviceError("PortAudio is missing")
    with pytest.raises(DeviceError, match="missing"):
        list(Supervisor(Script([error]), wait=True, patience=PATIENCE).blocks())
    script = Script([noise(0), SourceFault("gone")], [error], [noise(0)])
    assert (
        sum(len(block.samples) for block in Supervisor(script, patience=PATIENCE).blocks()) == 200
    )


def test_trouble_that_goes_on_is_told_once_a_minute(
    clock, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("edge.system.throttle.time.monotonic", lambda: sum(clock()))
    caplog.set_level(logging.DEBUG)
    lives: list[list[Block | Exception]] = [[SourceAbsent("no such device")] for _ in range(300)]
    list(Supervisor(Script(*lives, [noise(0)]), wait=True, patience=PATIENCE).blocks())
    minutes = sum(clock()) / 60
    told = [
        record.getMessage() for record in caplog.records if "no such device" in record.getMessage()
    ]
    assert minutes - 1 <= len(told) <= minutes + 2
    assert "30 times since" in told[-1]


def test_in_hours_of_rest_the_source_is_closed_and_shows_life(clock) -> None:
    script = Script([noise(100 * n) for n in range(4)], [noise(0)])
    awake = iter([True, True, False, False, False, False, True, True, True])
    schedule = Schedule()
    object.__setattr__(schedule, "awake", lambda: next(awake))
    blocks = list(Supervisor(script, patience=PATIENCE, schedule=schedule).blocks())
    assert [len(block.samples) for block in blocks] == [100, 100, 0, 0, 100]
    assert script.closed == 2


@pytest.mark.parametrize("kind", FAULTS, ids=lambda kind: kind.__name__)
@pytest.mark.parametrize("heard", [[], [noise(0)]], ids=["at the start", "later"])
def test_any_fault_of_a_source_is_told_and_the_source_tried_again(
    clock, caplog: pytest.LogCaptureFixture, kind: type[Exception], heard: list[Block]
) -> None:
    lives = [[*heard, raised(kind)], [*heard, raised(kind)], [noise(0)]]
    blocks = list(Supervisor(Script(*lives), patience=PATIENCE).blocks())
    assert len(blocks[-1].samples) == 100
    assert clock() == [0.25, 0.5]
    (told,) = caplog.messages
    assert told.startswith("scripted: ")
    assert told.endswith("trying again")


def test_a_fault_of_the_schedule_does_not_end_it(clock, caplog: pytest.LogCaptureFixture) -> None:
    awake = iter([ZeroDivisionError(), True, True, True])

    def ask() -> bool:
        answer = next(awake)
        if isinstance(answer, Exception):
            raise answer
        return answer

    schedule = Schedule()
    object.__setattr__(schedule, "awake", ask)
    script = Script([noise(0)])
    assert len(list(Supervisor(script, patience=PATIENCE, schedule=schedule).blocks())) == 1
    assert "ZeroDivisionError" in caplog.text


def test_an_end_in_the_hours_of_rest_opens_nothing() -> None:
    stopped = threading.Event()
    schedule = Schedule()
    object.__setattr__(schedule, "awake", lambda: False)
    script = Script([noise(0)])
    blocks = Supervisor(script, schedule=schedule, stopped=stopped).blocks()
    assert next(blocks).resting
    stopped.set()
    assert list(blocks) == []
    assert len(script.lives) == 1


def test_no_process_is_left_where_no_thread_can_be_started(monkeypatch) -> None:
    def refused(_: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(threading.Thread, "start", refused)
    with pytest.raises(RuntimeError):
        Child(["sleep", "60"])
    mine = Path(f"/proc/self/task/{os.getpid()}/children").read_text().split()
    assert [pid for pid in mine if b"sleep" in Path(f"/proc/{pid}/cmdline").read_bytes()] == []
