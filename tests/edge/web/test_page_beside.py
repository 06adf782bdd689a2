"""The page beside a listener: there while it listens, back when it fails, gone when it ends."""

import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

pytest.importorskip("uvicorn")
from edge.command import live, page_beside, service
from edge.command.page_beside import check_page, page_command
from edge.config import Settings
from edge.contract.errors import ConfigError, MissingPackageError
from edge.service.announcement import announce, announcement
from tests.support import ROOT

WAIT_S = 30


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        return int(listening.getsockname()[1])


@pytest.fixture
def port() -> int:
    return free_port()


@pytest.fixture
def listener(tmp_path: Path, port: int) -> Iterator[subprocess.Popen[bytes]]:
    """One that hears silence on stdin, as it comes, with a page."""
    where = ("--station", tmp_path, "--web", f"127.0.0.1:{port}", "--input", "-")
    command = [sys.executable, "-m", "edge", *map(str, where)]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, cwd=ROOT, stdin=pipe, stdout=pipe, stderr=pipe) as listener:
        yield listener
        listener.kill()


def answers(port: int) -> bool:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/", timeout=5) as answer:
            return bool(answer.status == 200)
    except OSError:
        return False


def eventually(true: Callable[[], bool]) -> bool:
    end = time.monotonic() + WAIT_S
    while not (found := true()) and time.monotonic() < end:
        time.sleep(0.1)
    return found


def page_of(listener: subprocess.Popen[bytes]) -> int | None:
    """Process that serves the page."""
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            parent = (folder / "stat").read_text().rpartition(")")[2].split()[1]
            words = (folder / "cmdline").read_bytes().split(b"\0")
        except OSError:
            continue
        if int(parent) == listener.pid and b"web" in words:
            return int(folder.name)
    return None


def test_a_page_is_there_and_ends_with_the_listener(listener, port: int) -> None:
    assert eventually(lambda: answers(port))
    listener.send_signal(signal.SIGTERM)
    assert listener.wait(WAIT_S) == 0
    assert not answers(port)


def test_a_page_that_was_killed_comes_back(listener, port: int) -> None:
    assert eventually(lambda: answers(port))
    killed = page_of(listener)
    assert killed is not None
    os.kill(killed, signal.SIGKILL)
    assert eventually(lambda: page_of(listener) not in (None, killed) and answers(port))
    assert listener.poll() is None


def test_no_page_outlives_a_killed_listener(listener, port: int) -> None:
    assert eventually(lambda: answers(port))
    listener.kill()
    listener.wait()
    assert eventually(lambda: not answers(port))


def test_a_port_that_another_has_does_not_hold_the_listener_up(listener, port: int) -> None:
    with socket.create_server(("127.0.0.1", port)):
        assert eventually(lambda: page_of(listener) is not None)
        first = page_of(listener)
        assert eventually(lambda: page_of(listener) not in (None, first))
        assert listener.poll() is None
    assert eventually(lambda: answers(port))


def test_a_page_that_can_not_follow_ends_no_listener(tmp_path, monkeypatch, port: int) -> None:
    """The bundle, by whose name the page is started, is gone when it shall follow."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "mine").mkdir()
    monkeypatch.setattr(page_beside._Keeper, "keep", lambda keeper: None)
    rounds = []

    def listened(*given: object, **more: object) -> None:
        rounds.append(given)
        if len(rounds) == 1:
            (tmp_path / "mine").rmdir()
            signal.raise_signal(signal.SIGHUP)

    monkeypatch.setattr(live, "_listen", listened)
    live.listen_live(Settings(bundle="mine", station=str(tmp_path), web=f"127.0.0.1:{port}"))
    assert len(rounds) == 2


def test_a_stale_announcement_is_withdrawn_by_who_has_no_page(tmp_path, monkeypatch) -> None:
    file = tmp_path / "birdlisten.service"
    file.write_text(announcement("0.0.0.0:8080"))
    monkeypatch.setenv("NOTIFY_SOCKET", "/there")
    monkeypatch.setattr(page_beside, "announce", lambda page: announce(page, file))
    page_beside.PageBeside().follow(Settings())
    assert file.read_text() == ""


def test_the_service_announces_the_page_that_it_has() -> None:
    plan = service.plan({"web": "0.0.0.0:8090"}, None)
    assert ("--web", "0.0.0.0:8090") == plan.arguments
    assert "<port>8090</port>" in plan.announced
    with pytest.raises(ConfigError, match="port 80 is for root alone"):
        service.plan({"web": "0.0.0.0:80"}, None)
    with pytest.raises(ConfigError, match=r"such as \[::\]:8080"):
        service.plan({"web": "[::]:80"}, None)


def test_the_page_is_of_the_listeners_station(tmp_path: Path) -> None:
    page = Settings(web="[::]:80", station=str(tmp_path), language="de", quiet=True)
    words = page_command(page, "[::]:80")
    for word in ("--host=::", "--port=80", f"--station={tmp_path}", "--language=de", "--quiet"):
        assert word in words


NO_ADDRESSES = [
    *("::1", "2001:db8::5", "[::1", "[x]:80", "http://0.0.0.0:8080", "h:0", "a b:80"),
    "h:" + 5000 * "8",
    *("", "8080", "host:", ":8080", "h:99999", "h:x", "h:\uff18\uff10"),
]


@pytest.mark.parametrize("address", NO_ADDRESSES)
def test_what_is_no_address_is_refused(address: str) -> None:
    with pytest.raises(ConfigError, match=r"web: .*expected"):
        check_page(Settings(web=address))


def test_a_page_without_its_packages_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("edge.command.page_beside.find_spec", lambda name: None)
    with pytest.raises(MissingPackageError, match=r"birdlisten\[web\]"):
        check_page(Settings(web="127.0.0.1:8080"))
    check_page(Settings())
