"""The status line at the bottom of a real terminal."""

import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

from edge.contract.text import cells, shortened
from edge.records.explanation import listed
from edge.records.live_line import live_line
from tests.support.factories import detection
from tests.support.live import live_state
from tests.support.terminal import Terminal, seen

RATE = 48_000


@pytest.fixture
def listener(tmp_path: Path) -> Iterator[Callable[..., Terminal]]:
    started: list[Terminal] = []
    command = [sys.executable, "-m", "edge", "--input", "-", "--threshold", "0"]

    def start(*arguments: str, columns: int = 80, **variables: str) -> Terminal:
        full = [*command, "--station", str(tmp_path), *arguments]
        started.append(Terminal(full, columns, variables))
        return started[-1]

    yield start
    for terminal in started:
        terminal.close()


def gusts() -> bytes:
    time_s = np.arange(6 * RATE) / RATE
    loud = 0.05 * np.exp(1.5 * np.sin(4 * np.pi * time_s))
    noise = loud * np.random.default_rng(0).normal(size=len(time_s))
    return (np.clip(noise, -1, 1) * 32767).astype("<i2").tobytes()


def send(terminal: Terminal) -> None:
    assert terminal.process.stdin
    terminal.process.stdin.write(gusts())
    terminal.process.stdin.flush()


def test_records_scroll_above_the_status_and_ctrl_c_leaves_a_clean_terminal(
    listener: Callable[..., Terminal],
) -> None:
    terminal = listener(columns=60)
    terminal.read_until(lambda text: "waiting for sound" in text)
    send(terminal)
    terminal.read_until(lambda text: "24 records, 24 species" in text or "records, " in text)
    terminal.resize(40)
    threading.Event().wait(1.5)
    terminal.process.send_signal(signal.SIGINT)
    terminal.read_until(lambda text: "windows heard" in text)
    assert terminal.process.wait(120) == 130
    assert terminal.now() == terminal.modes
    lines = [line for line in terminal.lines() if not line.startswith("birdlisten: ")]
    assert lines[-1] == ""
    assert len(lines) > 5
    assert all(len(line) <= 60 for line in lines)
    assert not any("waiting for sound" in line for line in lines)


@pytest.mark.parametrize(
    ("arguments", "variables"),
    [(["--json"], {}), (["--quiet"], {}), ([], {"TERM": "dumb"})],
)
def test_where_nobody_looks_there_is_none(
    listener: Callable[..., Terminal], arguments: list[str], variables: dict[str, str]
) -> None:
    terminal = listener(*arguments, **variables)
    send(terminal)
    terminal.read_until(lambda text: text.count("\n") > 4)
    assert "\x1b[K" not in terminal.text
    assert "waiting for sound" not in terminal.text


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({}, "Common Cuckoo 0.93 (1 of 2)"),
        ({"heard": ()}, "unsure: European Robin 0.41"),
        ({"heard": (), "silence": "silence"}, "quiet"),
        ({"heard": (), "silence": "noise"}, "too noisy"),
        ({"heard": (), "doing": "resting"}, "resting"),
        ({"dropped_s": 12.0, "gaps": 1}, "12 s lost  1 gap"),
    ],
)
def test_a_status_says_what_is_heard_or_why_nothing_is(
    change: dict[str, object], said: str
) -> None:
    assert said in live_line(live_state(**change))


def test_a_record_is_no_wider_than_the_terminal_and_leaves_out_the_least_first() -> None:
    record = detection()
    whole = record.to_text()
    assert record.to_text(columns=200) == whole
    for columns in range(24, 120):
        line = record.to_text(columns=columns)
        assert len(line) <= columns
        assert "0.93" in line
        assert seen(record.to_text(colour=True, columns=columns)) == [line]
    assert "Cuculus canorus" in record.to_text(columns=60)


def test_a_row_of_a_table_shortens_its_source_first() -> None:
    record = detection(source="a/very/long/folder/of/recordings/dawn.wav", detected_at=None)
    whole = listed(record, None, None)
    assert listed(record, None, None, 200) == whole
    for columns in range(10, len(whole)):
        assert len(listed(record, None, None, columns)) <= columns
    assert listed(record, None, None, 90).endswith("Common Cuckoo  0.93  reported")


@pytest.mark.parametrize("columns", [20, 40])
def test_a_table_is_no_wider_than_the_terminal_but_whole_in_a_pipe(columns: int) -> None:
    code = "from edge.system.terminal import say_row; say_row('x' * 100)"
    terminal = Terminal([sys.executable, "-c", code], columns)
    assert terminal.read_until(lambda text: "\n" in text).strip() == "x" * (columns - 1) + "…"
    terminal.close()
    piped = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert piped.stdout.strip() == "x" * 100


@pytest.mark.parametrize("text", ["European Robin", "欧亚鸲 robin", "Merle a\u0300 plastron"])
def test_a_shortened_text_takes_no_more_cells_than_there_are(text: str) -> None:
    assert shortened(text, 99) == text
    for columns in range(20):
        assert cells(shortened(text, columns)) <= columns
