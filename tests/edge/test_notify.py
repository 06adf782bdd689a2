"""What systemd hears, over a real socket."""

import socket
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from edge.service.notify import Notifier


class Systemd:
    def __init__(self, address: str) -> None:
        self.line = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.line.bind("\0" + address[1:] if address.startswith("@") else address)
        self.line.setblocking(False)

    def heard(self) -> list[str]:
        found = []
        while True:
            try:
                found.append(self.line.recv(4096).decode())
            except BlockingIOError:
                return found


@pytest.fixture(params=["path", "abstract"])
def address(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    return str(tmp_path / "notify") if request.param == "path" else f"@birdlisten-{tmp_path.name}"


@pytest.fixture
def systemd(address: str) -> Iterator[Systemd]:
    systemd = Systemd(address)
    yield systemd
    systemd.line.close()


def test_systemd_hears_what_it_shall(systemd: Systemd, address: str) -> None:
    notifier = Notifier({"NOTIFY_SOCKET": address})
    notifier.ready()
    notifier.alive("12 windows heard")
    notifier.reloading()
    notifier.stopping()
    ready, alive, reloading, stopping = systemd.heard()
    assert ready == "READY=1"
    assert alive == "WATCHDOG=1\nSTATUS=12 windows heard"
    assert reloading.startswith("RELOADING=1\nMONOTONIC_USEC=")
    assert stopping == "STOPPING=1"


def test_the_watchdog_is_fed_four_times_in_its_period(systemd, address, monkeypatch) -> None:
    now = [0.0]
    monkeypatch.setattr("edge.service.notify.time.monotonic", lambda: now[0])
    notifier = Notifier({"NOTIFY_SOCKET": address, "WATCHDOG_USEC": "20000000"})
    heard = []
    for tenth in range(601):
        now[0] = tenth / 10
        notifier.alive("")
        heard += systemd.heard()
    assert len(heard) == 13


def test_while_a_bundle_loads_somebody_feeds_the_watchdog(systemd: Systemd, address: str) -> None:
    notifier = Notifier({"NOTIFY_SOCKET": address, "WATCHDOG_USEC": "200000"})
    with notifier.loading():
        time.sleep(1)
    heard = systemd.heard()
    assert set(heard) == {"WATCHDOG=1\nSTATUS=loading the bundle"}
    assert len(heard) >= 5
    time.sleep(0.3)
    assert systemd.heard() == []


def test_a_systemd_that_does_not_listen_holds_nothing_up(systemd: Systemd, address: str) -> None:
    notifier = Notifier({"NOTIFY_SOCKET": address})
    for _ in range(1000):
        notifier.ready()
    assert 1 <= len(systemd.heard()) < 1000


@pytest.mark.parametrize("name", ["NOTIFY_SOCKET", "ELSE"])
def test_without_systemd_nothing_happens(name: str, tmp_path: Path) -> None:
    notifier = Notifier({name: str(tmp_path / "notify")})
    notifier.ready()
    notifier.alive("x")
    notifier.stopping()
    assert list(tmp_path.iterdir()) == []
