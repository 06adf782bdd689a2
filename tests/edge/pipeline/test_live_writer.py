import logging
import threading
from pathlib import Path

import pytest

from edge.pipeline import live_writer
from edge.pipeline.live_writer import LiveWriter
from edge.records.live_file import LiveFile, live_states
from edge.records.live_state import LiveState
from tests.support.live import live_state


class Refusing(LiveFile):
    """A file that has no room, for some time."""

    def __init__(self, station: Path, times: int) -> None:
        super().__init__(station, "microphone", {"XDG_RUNTIME_DIR": str(station)})
        self.left, self.taken = times, threading.Event()

    def write(self, state: LiveState) -> None:
        if self.left:
            self.left -= 1
            raise OSError(28, "No space left on device")
        super().write(state)
        self.taken.set()


@pytest.fixture(autouse=True)
def _in_a_hurry(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(live_writer, "FLEETING_S", 0.01)
    monkeypatch.setattr("edge.records.live_file.FLEETING_S", 0.01)


def test_states_are_written_while_it_lasts_and_taken_away_after(tmp_path: Path) -> None:
    file, memory = Refusing(tmp_path, times=0), {"XDG_RUNTIME_DIR": str(tmp_path)}
    with LiveWriter(file, live_state):
        assert file.taken.wait(20)
        assert [state.source for state in live_states(tmp_path, memory)] == ["pulse"]
    assert live_states(tmp_path, memory) == []


def test_a_full_disk_is_told_once_and_tried_again(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    file = Refusing(tmp_path, times=5)
    with caplog.at_level(logging.WARNING), LiveWriter(file, live_state):
        assert file.taken.wait(20)
    (told,) = caplog.messages
    assert "No space left on device" in told


def test_a_state_that_can_not_be_told_is_no_trouble_of_the_listener(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    asked, file = threading.Event(), Refusing(tmp_path, times=0)

    def state() -> LiveState:
        if asked.is_set():
            return live_state()
        asked.set()
        raise ZeroDivisionError

    with LiveWriter(file, state):
        assert file.taken.wait(20)
    assert caplog.messages == ["no live state for others to see: ZeroDivisionError; going on"]


def test_each_state_is_shown_too(tmp_path: Path) -> None:
    shown = threading.Event()
    file = Refusing(tmp_path, times=10**9)
    with LiveWriter(file, live_state, lambda state: shown.set()):
        assert shown.wait(20)
