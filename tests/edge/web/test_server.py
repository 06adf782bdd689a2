"""The server: slow, greedy and cut-off clients harm nobody, and it works below any path."""

import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

pytest.importorskip("starlette")
pytest.importorskip("uvicorn")
httpx = pytest.importorskip("httpx")

from edge.command.origin import SettingsOrigin  # noqa: E402
from edge.command.web import WebRequest, web  # noqa: E402
from edge.config import PACKAGED_BUNDLE, Settings  # noqa: E402
from edge.records.store import Store  # noqa: E402
from edge.web import limits, uploads  # noqa: E402
from edge.web import server as web_server  # noqa: E402
from edge.web.config import WebConfig  # noqa: E402
from tests.support import ROOT  # noqa: E402
from tests.support.broker import until  # noqa: E402
from tests.support.web import heard, served  # noqa: E402


@pytest.fixture
def station(tmp_path: Path) -> Path:
    store = Store(tmp_path)
    store.write(heard(1, "2026-05-01T04:00:00.000Z", "strix_aluco"))
    store.close()
    return tmp_path


@pytest.mark.parametrize("head", [b"", b"GET /api/v2/ping HTTP/1.1\r\nHost: loc"])
def test_a_client_that_sends_no_whole_head_is_cut_off(station, monkeypatch, head) -> None:
    monkeypatch.setattr(web_server, "HEAD_S", 0.1)
    with (
        served(station) as server,
        socket.create_connection((server.host, server.port), 60) as slow,
    ):
        slow.sendall(head)
        assert slow.recv(1) == b""
        assert httpx.get(f"{server.url}/api/v2/ping").status_code == 200


def test_a_body_that_does_not_come_is_not_waited_for(station, monkeypatch) -> None:
    monkeypatch.setattr(limits, "BODY_S", 0.1)
    with (
        served(station) as server,
        socket.create_connection((server.host, server.port), 60) as slow,
    ):
        slow.sendall(
            b"POST /api/v2/control/restart HTTP/1.1\r\nHost: localhost\r\n"
            b"Content-Length: 10\r\n\r\nx"
        )
        assert slow.recv(100).startswith(b"HTTP/1.1 408")


UPLOAD = (
    b"POST /add HTTP/1.1\r\nHost: localhost\r\nContent-Length: 40000000\r\n"
    b"Content-Type: multipart/form-data; boundary=x\r\n\r\n--x\r\n"
)


def test_files_that_do_not_come_are_not_waited_for(station, monkeypatch) -> None:
    monkeypatch.setattr(uploads, "_PART_S", 0.1)
    with (
        served(station) as server,
        socket.create_connection((server.host, server.port), 60) as slow,
    ):
        slow.sendall(UPLOAD)
        assert slow.recv(100).startswith(b"HTTP/1.1 408")
        assert httpx.get(f"{server.url}/api/v2/ping").status_code == 200


def test_files_of_strangers_are_refused_unread(station) -> None:
    config = WebConfig(port=0, public_url="https://example.org", guests=True)
    with (
        served(station, config) as server,
        socket.create_connection((server.host, server.port), 60) as stranger,
    ):
        stranger.sendall(UPLOAD)
        assert stranger.recv(100).startswith(b"HTTP/1.1 403")


def test_a_body_that_is_too_long_is_refused(station) -> None:
    with served(station) as server:
        url = f"{server.url}/api/v2/control/restart"
        assert httpx.post(url, content=bytes(limits.MOST_BYTES)).status_code == 403
        assert httpx.post(url, content=bytes(limits.MOST_BYTES + 1)).status_code == 413

        def parts():
            yield from [bytes(10_000)] * 8

        assert httpx.post(url, content=parts()).status_code == 413


def test_too_many_requests_are_refused(station) -> None:
    config = WebConfig(port=0, requests_per_s=0.001, burst=3)
    with served(station, config) as server:
        codes = [httpx.get(f"{server.url}/api/v2/ping").status_code for _ in range(5)]
    assert codes == [200, 200, 200, 429, 429]


def test_a_bucket_fills_again_and_forgets_the_oldest_addresses() -> None:
    bucket = limits.Bucket(per_s=1.0, burst=2)
    assert [bucket.take("a", 0.0) for _ in range(3)] == [True, True, False]
    assert (bucket.take("b", 0.0), bucket.take("a", 1.0)) == (True, True)
    assert bucket.is_empty("a", 1.0)
    for number in range(10_000):
        bucket.take(str(number), 2.0)
    assert len(bucket._left) < 5_000


@pytest.mark.parametrize("stripped", [True, False])
@pytest.mark.parametrize("name", ["X-Forwarded-Prefix", "X-Ingress-Path"])
def test_it_works_below_a_path(station, name, stripped) -> None:
    config = WebConfig(port=0, public_url="https://example.org", guests=True)
    headers = {name: "/x/y"}
    before = "" if stripped else "/x/y"
    with served(station, config) as server:
        told = httpx.get(f"{server.url}{before}/api/v2/analytics/species/summary", headers=headers)
        assert told.status_code == 200
    with served(station, WebConfig(port=0, public_url="https://example.org/z")) as server:
        lost = httpx.get(f"{server.url}{before}/", headers={**headers, "Accept": "text/html"})
        assert lost.headers["location"] == "/x/y/login"
        lost = httpx.get(f"{server.url}/z/", headers={"Accept": "text/html"})
        assert lost.headers["location"] == "/z/login"
        odd = {name: "//evil.example", "Accept": "text/html"}
        assert httpx.get(server.url, headers=odd).headers["location"] == "/z/login"


def test_only_a_trusted_proxy_is_believed(station) -> None:
    config = WebConfig(port=0, public_url="https://example.org", proxies=("192.0.2.1",))
    with served(station, config) as server:
        headers = {"X-Forwarded-Prefix": "/x", "Accept": "text/html"}
        assert httpx.get(server.url, headers=headers).headers["location"] == "/login"
        lie = {"X-Forwarded-Host": "example.org", "Host": "evil.example"}
        assert httpx.get(server.url, headers=lie).status_code == 400


def test_pictures_are_named_as_the_client_has_reached_us(station) -> None:
    config = WebConfig(port=0, public_url="https://example.org/z/", guests=True)
    with served(station, config) as server:
        (owl,) = httpx.get(f"{server.url}/z/api/v2/analytics/species/summary").json()
    assert owl["thumbnail_url"] == "https://example.org/z/api/v2/media/image/Strix%20aluco"


def test_a_station_without_records_says_so(tmp_path: Path) -> None:
    with served(tmp_path) as server:
        got = httpx.get(f"{server.url}/api/v2/detections")
        assert (got.status_code, got.headers["retry-after"]) == (503, "5")
        health = httpx.get(f"{server.url}/api/v2/health").json()
    assert health["database"]["status"] == "error"


def test_the_command_serves_until_it_is_told_to_end(station, tmp_path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "edge", "web", "--station", station, "--port", str(port)]
    process = subprocess.Popen(
        command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env={**os.environ}
    )
    url = f"http://127.0.0.1:{port}/api/v2"
    try:
        while process.poll() is None:
            try:
                assert httpx.get(f"{url}/ping").json() == {"status": "ok"}
                break
            except httpx.ConnectError:
                time.sleep(0.05)
        with httpx.stream("GET", f"{url}/detections/stream", timeout=60) as stream:
            assert next(stream.iter_lines()).startswith("retry")
            process.send_signal(signal.SIGTERM)
            process.wait(60)
    finally:
        process.kill()
        out, err = process.communicate()
    assert (process.returncode, out) == (0, b"")
    assert f"http://127.0.0.1:{port}/".encode() in err
    assert b"Traceback" not in err


def test_a_page_follows_its_settings_and_survives_a_hangup(station) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    flags = ["--station", station, "--port", str(port), "--bundle", str(PACKAGED_BUNDLE)]
    command = [sys.executable, "-m", "edge", "web", *flags]
    process = subprocess.Popen(command, cwd=ROOT, stderr=subprocess.PIPE)

    def page() -> str:
        try:
            return httpx.get(f"http://127.0.0.1:{port}/species").text
        except httpx.TransportError:
            return ""

    try:
        until(lambda: "Tawny Owl" in page())
        (station / "config.yaml").write_text("language: de\n")
        until(lambda: "Waldkauz" in page())
        process.send_signal(signal.SIGHUP)
        time.sleep(0.5)
        until(lambda: "Waldkauz" in page())
        assert process.poll() is None
    finally:
        process.terminate()
        _, said = process.communicate()
    assert process.returncode == 0
    assert b"Traceback" not in said


def test_a_page_that_begins_anew_keeps_its_port_and_takes_what_is_new(
    station, tmp_path_factory, monkeypatch
) -> None:
    """The bundle of the second time is another; the third time it can't be found."""
    bundles, begun = tmp_path_factory.mktemp("bundles"), []
    for name in ("first", "second"):
        (bundles / name).symlink_to(PACKAGED_BUNDLE)
    monkeypatch.chdir(bundles)

    def serve(app, config, listening, is_over) -> bool:
        desk = app.state.additions
        begun.append((listening.getsockname()[1], desk.bundle.name, is_over()))
        signal.raise_signal(signal.SIGHUP)
        return len(begun) < 4

    monkeypatch.setattr(web_server, "serve", serve)
    first, *others = (
        Settings(bundle=name, station=str(station)) for name in ("first", "second", "gone", "first")
    )
    read = iter(others)
    monkeypatch.setattr(SettingsOrigin, "read", lambda origin: next(read))
    web(first, WebRequest(port=0), SettingsOrigin({"station": str(station)}))
    assert len({port for port, _, _ in begun}) == 1
    assert [name for _, name, _ in begun] == ["first", "second", "second", "first"]
    assert [is_over for _, _, is_over in begun] == [False, True, True, True]


def test_an_address_that_is_taken_ends_in_one_line(station) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        command = [sys.executable, "-m", "edge", "web", "--station", station, "--port", port]
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 2
    assert "see --host, --port" in done.stderr
    assert len(done.stderr.splitlines()) == 1
