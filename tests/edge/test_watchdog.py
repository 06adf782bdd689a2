"""The watchdog of systemd, as a resting listener feeds it: a fake systemd, real processes."""

import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

from tests.support import ROOT
from tests.support.radio import Radio

PERIOD_S, RATE_HZ = 2.0, 16_000
FOR_EVER = 100_000
"""Minutes of a duty cycle in which the machine will not have run."""


class Systemd:
    """Keeps what it is told, and when."""

    def __init__(self, address: Path) -> None:
        self.environment = {
            "NOTIFY_SOCKET": str(address),
            "WATCHDOG_USEC": str(int(PERIOD_S * 1e6)),
        }
        self.told: list[tuple[float, str]] = []
        self._line = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._line.bind(str(address))
        self._line.settimeout(0.1)
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._take)
        self._thread.start()

    def _take(self) -> None:
        while not self._ended.is_set():
            try:
                self.told.append((time.monotonic(), self._line.recv(4096).decode()))
            except TimeoutError:
                continue

    def wait_for(self, begin: str, since: float = 0.0) -> float:
        """Moment at which it was told so."""
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline:
            for moment, text in list(self.told):
                if moment >= since and text.startswith(begin):
                    return moment
            time.sleep(0.05)
        raise AssertionError(f"no {begin!r} in {self.told}")

    def longest_fast(self, begin: float, end: float) -> float:
        """Longest time without food, in seconds."""
        fed = [at for at, text in self.told if text.startswith("WATCHDOG=1") and begin < at < end]
        return float(np.diff([begin, *fed, end]).max())

    def close(self) -> None:
        self._ended.set()
        self._thread.join()
        self._line.close()


@pytest.fixture
def systemd(tmp_path: Path) -> Iterator[Systemd]:
    systemd = Systemd(tmp_path / "notify")
    yield systemd
    systemd.close()


@pytest.fixture
def radio() -> Iterator[Radio]:
    noise = np.random.default_rng(0).normal(size=3 * RATE_HZ, scale=0.02).astype(np.float32)
    radio = Radio(noise, RATE_HZ)
    yield radio
    radio.stop()


@pytest.fixture
def listen(
    systemd: Systemd, radio: Radio, tmp_path: Path
) -> Iterator[Callable[[float], subprocess.Popen[bytes]]]:
    """Starts a listener that is awake for some minutes from boot on, then rests for ever."""
    started: list[subprocess.Popen[bytes]] = []

    def start(minutes: float) -> subprocess.Popen[bytes]:
        command = [sys.executable, "-m", "edge", "--input", f"{radio.url}/live", "--no-clips"]
        command += ["--station", str(tmp_path / "station"), "--duty", f"{minutes}/{FOR_EVER}"]
        started.append(
            subprocess.Popen(
                command,
                cwd=ROOT,
                env={**os.environ, **systemd.environment},
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
            )
        )
        return started[-1]

    yield start
    for process in started:
        process.kill()
        process.wait()


def rested(systemd: Systemd, begin: float) -> float:
    """Longest time without food in three periods."""
    end = begin + 3 * PERIOD_S
    time.sleep(max(end - time.monotonic(), 0))
    return systemd.longest_fast(begin, end)


def test_a_listener_that_rests_from_its_start_or_a_reload_on_is_not_starved(
    systemd: Systemd, listen
) -> None:
    process = listen(0.0001)
    assert rested(systemd, systemd.wait_for("READY=1")) < PERIOD_S
    asked = time.monotonic()
    process.send_signal(signal.SIGHUP)
    assert rested(systemd, systemd.wait_for("READY=1", since=asked)) < PERIOD_S
    assert systemd.longest_fast(asked - PERIOD_S, asked + 2 * PERIOD_S) < PERIOD_S
    process.terminate()
    assert process.wait(10) == 0


def test_a_listener_that_goes_to_rest_is_not_starved(systemd: Systemd, listen) -> None:
    dusk = time.monotonic() + 8
    process = listen(dusk / 60)
    heard = systemd.wait_for("WATCHDOG=1")
    time.sleep(max(dusk - time.monotonic(), 0))
    assert rested(systemd, dusk) < PERIOD_S
    assert systemd.longest_fast(heard, dusk) < PERIOD_S
    process.terminate()
    assert process.wait(10) == 0
