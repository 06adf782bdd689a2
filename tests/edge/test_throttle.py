"""Trouble that goes on, and borders that no fault passes."""

import logging

import pytest

from edge.contract.errors import BundleError
from edge.system import throttle
from edge.system.throttle import FaultBarrier, RateLimitedLog
from tests.support.faults import FAULTS, raised

_LOG = logging.getLogger("trouble")


class Clock:
    """A clock that is set by hand."""

    def __init__(self) -> None:
        self.now = 1000.0

    def monotonic(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    """In the place of the machine's."""
    clock = Clock()
    monkeypatch.setattr(throttle.time, "monotonic", clock.monotonic)
    return clock


def test_messages_that_alternate_are_each_told_once_a_minute(
    clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    tell = RateLimitedLog(_LOG)
    for n in range(1000):
        tell("A" if n % 2 else "B")
    assert caplog.messages == ["B", "A"]
    clock.now += 61
    tell("A")
    tell("A")
    assert caplog.messages[2:] == ["A (500 times since)"]


def test_what_went_right_is_told_at_once_when_it_fails_again(
    clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    tell = RateLimitedLog(_LOG)
    tell("full")
    tell.over()
    tell("full")
    assert caplog.messages == ["full", "full"]


def test_messages_that_are_all_different_do_not_fill_log_or_memory(
    clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    tell = RateLimitedLog(_LOG)
    for n in range(10_000):
        tell(f"window {n} is bad")
    assert len(caplog.messages) == 32
    clock.now += 61
    tell("the next")
    assert caplog.messages[32:] == ["the next (and 9968 other messages since)"]


@pytest.mark.parametrize("kind", FAULTS, ids=lambda kind: kind.__name__)
def test_no_fault_passes_a_barrier(kind: type[Exception], caplog: pytest.LogCaptureFixture) -> None:
    barrier = FaultBarrier(_LOG, "the overlay", "left out")
    with barrier:
        raise raised(kind)
    assert barrier.held
    (told,) = caplog.messages
    assert told.startswith("the overlay: ")
    assert told.endswith("; left out")


@pytest.mark.parametrize("kind", [KeyboardInterrupt, SystemExit, GeneratorExit])
def test_what_ends_a_process_passes(kind: type[BaseException]) -> None:
    barrier = FaultBarrier(_LOG, "the overlay", "left out")
    with pytest.raises(kind), barrier:
        raise kind
    assert not barrier.held


def test_a_barrier_is_open_again_after_a_fault() -> None:
    barrier = FaultBarrier(_LOG, "the overlay", "left out")
    with barrier:
        raise MemoryError
    with barrier:
        pass
    assert not barrier.held


def test_our_own_errors_are_told_in_their_words_and_others_by_kind(
    caplog: pytest.LogCaptureFixture,
) -> None:
    for error in (BundleError("anchors: too few"), KeyError("rate"), MemoryError()):
        with FaultBarrier(_LOG, "x", "y"):
            raise error
    assert caplog.messages == [
        "x: anchors: too few; y",
        "x: KeyError: 'rate'; y",
        "x: MemoryError; y",
    ]
