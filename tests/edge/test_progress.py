"""Progress of long work: a bar for a terminal, a line now and then for a log."""

import io
import logging

import pytest

from edge.system import progress
from edge.system.progress import ProgressBar, in_short


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.fixture
def moments(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    now = [100.0]
    monkeypatch.setattr(progress.time, "monotonic", lambda: now[0])
    return now


def test_a_terminal_has_a_bar_that_makes_room_for_the_log(monkeypatch, moments) -> None:
    terminal = Terminal()
    monkeypatch.setattr("sys.stderr", terminal)
    handler = logging.StreamHandler(terminal)
    logging.getLogger().addHandler(handler)
    with ProgressBar(200) as bar:
        moments[0] += 10
        bar.advance(50, "1 h heard")
        assert "[######" in terminal.getvalue()
        assert "25 %  1 h heard, 30 s left".replace(" %", "%") in terminal.getvalue()
        logging.getLogger().error("a line")
        assert terminal.getvalue().endswith("\r\033[Ka line\n")
    logging.getLogger().removeHandler(handler)
    assert terminal.getvalue().endswith("\r\033[K")


def test_a_log_has_a_line_a_minute(monkeypatch, moments, caplog) -> None:
    caplog.set_level("INFO")
    with ProgressBar(200) as bar:
        for _ in range(100):
            moments[0] += 3
            bar.advance(1)
    assert 4 <= len(caplog.messages) <= 5
    assert "%" in caplog.messages[0]


@pytest.mark.parametrize(
    ("seconds", "said"), [(0, "0 s"), (59, "59 s"), (90, "2 min"), (7200, "2.0 h")]
)
def test_lengths_in_short(seconds: float, said: str) -> None:
    assert in_short(seconds) == said


def test_nothing_to_do_is_no_division_by_zero(moments) -> None:
    with ProgressBar(0) as bar:
        bar.advance(0)
        assert bar.line().startswith("  0%")
