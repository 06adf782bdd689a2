"""The live state of a real listener in a process of its own, and what its monitor counts."""

import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path

import numpy as np
import pytest

from edge.pipeline.monitor import Monitor
from edge.records.live_file import live_states
from edge.records.live_state import LiveState
from edge.source.block import Block
from tests.support import ROOT

RATE = 48_000
PIECE = 24_000
"""Bytes of a quarter of a second."""


@pytest.fixture
def memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "run").mkdir()
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path / "run"))
    return tmp_path / "run"


@pytest.fixture
def listener(memory: Path) -> Iterator[Callable[..., subprocess.Popen[bytes]]]:
    started: list[subprocess.Popen[bytes]] = []

    def start(station: Path, *arguments: str) -> subprocess.Popen[bytes]:
        command = [sys.executable, "-m", "edge", "--input", "-", "--station", str(station)]
        started.append(
            subprocess.Popen(
                [*command, "--threshold", "0", "--json", *arguments],
                cwd=ROOT,
                stdin=subprocess.PIPE,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.PIPE,
            )
        )
        return started[-1]

    yield start
    for process in started:
        process.kill()
        process.wait()
        for pipe in (process.stdin, process.stderr):
            assert pipe
            pipe.close()


def gusts(seconds: float = 6.0) -> bytes:
    """Noise that passes the gate."""
    time_s = np.arange(round(seconds * RATE)) / RATE
    noise = np.random.default_rng(0).normal(size=len(time_s))
    loud = 0.05 * np.exp(1.5 * np.sin(4 * np.pi * time_s))
    return (np.clip(loud * noise, -1, 1) * 32767).astype("<i2").tobytes()


@contextmanager
def sounding(process: subprocess.Popen[bytes]) -> Iterator[None]:
    """Sound as it comes from a microphone."""
    over, pcm = threading.Event(), gusts()
    assert process.stdin
    pipe = process.stdin

    def send() -> None:
        for place in count(0, PIECE):
            if over.wait(PIECE / 2 / RATE):
                return
            at = place % len(pcm)
            pipe.write(pcm[at : at + PIECE])
            pipe.flush()

    sender = threading.Thread(target=send)
    sender.start()
    try:
        yield
    finally:
        over.set()
        sender.join()


def until(station: Path, is_so: Callable[[LiveState], bool]) -> LiveState:
    """A state of the station that is as a test waits for."""
    end = time.monotonic() + 300
    while time.monotonic() < end:
        for state in live_states(station):
            if is_so(state):
                return state
        threading.Event().wait(0.1)
    raise AssertionError(live_states(station))


def test_a_listener_shows_what_it_hears_and_leaves_nothing(
    listener: Callable[..., subprocess.Popen[bytes]], tmp_path: Path, memory: Path
) -> None:
    process = listener(tmp_path / "station")
    until(tmp_path / "station", lambda state: state.doing == "waiting")
    with sounding(process):
        state = until(tmp_path / "station", lambda state: state.windows > 4 and bool(state.heard))
        assert (state.source, state.process, state.bundle) == ("stdin", process.pid, "aviary")
        assert state.best is not None
        assert state.window_ms is not None
        assert all(species.hits >= 1 for species in state.heard)
        assert state.disk_free
        assert state.detections
        spectrogram = until(tmp_path / "station", lambda state: bool(state.spectrogram)).spectrogram
        assert spectrogram is not None
        assert spectrogram.columns.shape[1] == len(spectrogram.bands_hz)
        assert spectrogram.columns.any()
    process.send_signal(signal.SIGTERM)
    process.communicate(timeout=60)
    assert process.returncode == 0
    assert live_states(tmp_path / "station") == []
    assert list((memory / "birdlisten").iterdir()) == []


def test_a_killed_listener_leaves_a_state_that_is_known_as_old_and_replaced(
    listener: Callable[..., subprocess.Popen[bytes]], tmp_path: Path
) -> None:
    process = listener(tmp_path / "station")
    killed = until(tmp_path / "station", lambda state: state.is_current).process
    process.kill()
    process.wait()
    assert until(tmp_path / "station", lambda state: not state.is_current).process == killed
    listener(tmp_path / "station")
    assert until(tmp_path / "station", lambda state: state.process != killed).is_current
    assert len(live_states(tmp_path / "station")) == 1


def block(first: int, size: int = 480) -> Block:
    return Block(np.zeros(size, np.float32), RATE, first, time.monotonic_ns())


def gaps(*blocks: Block) -> int:
    monitor = Monitor("field", Path("/nowhere"))
    for heard in blocks:
        monitor.sound(heard)
    return monitor.gaps


def test_a_gap_is_a_place_where_sound_broke_off() -> None:
    assert gaps(block(0), block(480), block(960)) == 0
    assert gaps(block(0), Block.gap(), block(4800), block(9600)) == 2


def test_rest_by_plan_is_no_gap() -> None:
    assert gaps(block(0), Block.gap(), Block.gap(resting=True), block(48_000)) == 0
