"""The guard: nobody enters without a token, and no other page acts in a visitor's name."""

import re
import stat
from pathlib import Path

import pytest

pytest.importorskip("starlette")
pytest.importorskip("uvicorn")
httpx = pytest.importorskip("httpx")

from starlette.routing import BaseRoute, Mount, Route  # noqa: E402

from edge.config import DEMO_BUNDLE  # noqa: E402
from edge.contract.errors import StoreError  # noqa: E402
from edge.records.inbox import waiting  # noqa: E402
from edge.records.store import Store  # noqa: E402
from edge.web.app import create_app  # noqa: E402
from edge.web.config import WebConfig  # noqa: E402
from edge.web.guard import OPEN  # noqa: E402
from edge.web.tokens import COOKIE, read_tokens  # noqa: E402
from tests.support.web import Served, heard, served  # noqa: E402

PUBLIC = WebConfig(port=0, public_url="https://birds.example.org")
RECORD = heard(1, None, "strix_aluco")
REVIEW = f"/api/birdlisten/1/records/{RECORD.id}/review"
CONFIRM = {"verdict": "confirmed"}


@pytest.fixture
def station(tmp_path: Path) -> Path:
    store = Store(tmp_path)
    store.write(RECORD)
    store.close()
    return tmp_path


def bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


def paths(routes: list[BaseRoute], before: str = "") -> list[tuple[str, str]]:
    """Method and path of every route, with something in the place of its parameters."""
    found: list[tuple[str, str]] = []
    for route in routes:
        if isinstance(route, Mount):
            found += paths(route.routes, before + route.path) or [("GET", f"{route.path}/x")]
        elif isinstance(route, Route):
            path = re.sub(r"{\w+:int}", "1", route.path)
            path = re.sub(r"{\w+(:\w+)?}", "x", path)
            found += [(method, before + path) for method in sorted(route.methods or {"GET"})]
    return found


def test_no_route_but_the_way_in_answers_without_a_token(station: Path) -> None:
    every = paths(create_app(station, DEMO_BUNDLE, PUBLIC).routes)
    assert len(every) > 40
    with served(station, PUBLIC) as server, httpx.Client() as client:
        for method, path in every:
            if path in OPEN or path.startswith("/static/"):
                continue
            got = client.request(method, server.url + path)
            assert got.status_code in (401, 403), (method, path)
            assert method in ("GET", "HEAD") or got.status_code == 403
        for method, path in every:
            if path in OPEN or path.startswith("/static/"):
                continue
            wrong = {**bearer("wrong"), "Origin": server.url}
            got = client.request(method, server.url + path, headers=wrong)
            assert got.status_code in (401, 429), (method, path)
    assert waiting(station) == []


def test_look_reads_and_keep_reviews(station: Path) -> None:
    tokens = read_tokens(station)
    with served(station, PUBLIC) as server:
        url = server.url + REVIEW
        health = f"{server.url}/api/birdlisten/1/health"
        for token, role, status in ((tokens.look, "look", 403), (tokens.keep, "keep", 200)):
            assert httpx.get(health, headers=bearer(token)).json()["role"] == role
            assert httpx.post(url, json=CONFIRM, headers=bearer(token)).status_code == status
        basic = httpx.get(health, auth=("anybody", tokens.look))
        assert basic.json()["role"] == "look"
    assert len(waiting(station)) == 1


def test_a_browser_shows_its_token_once(station: Path) -> None:
    tokens = read_tokens(station)
    with served(station, PUBLIC) as server, httpx.Client(base_url=server.url) as browser:
        from_us = {"Origin": server.url}
        lost = browser.get("/", headers={"Accept": "text/html"})
        assert (lost.status_code, lost.headers["location"]) == (303, "/login")
        wrong = browser.post("/session", data={"token": "nonsense"}, headers=from_us)
        assert wrong.headers["location"] == "/login?wrong=1"
        entered = browser.post("/session", data={"token": tokens.keep}, headers=from_us)
        assert (entered.status_code, entered.headers["location"]) == (303, "/")
        cookie = entered.headers["set-cookie"].lower()
        assert "httponly" in cookie
        assert "samesite=lax" in cookie
        assert tokens.keep.lower() not in cookie
        assert browser.get("/api/birdlisten/1/health").json()["role"] == "keep"
        assert browser.post(REVIEW, json=CONFIRM).status_code == 403
        other = {"Origin": "https://evil.example"}
        assert browser.post(REVIEW, json=CONFIRM, headers=other).status_code == 403
        assert browser.post(REVIEW, json=CONFIRM, headers={"Origin": "null"}).status_code == 403
        cross = {"Sec-Fetch-Site": "cross-site"}
        assert browser.post(REVIEW, json=CONFIRM, headers=cross).status_code == 403
        assert waiting(station) == []
        assert browser.post(REVIEW, json=CONFIRM, headers=from_us).status_code == 200
        forged = "keep" + entered.cookies[COOKIE][4:-3] + "abc"
        told = httpx.get(f"{server.url}/api/v2/ping", headers={"Cookie": f"{COOKIE}={forged}"})
        assert told.status_code == 401


def test_wrong_tokens_are_limited(station: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("edge.web.app.FAILURES_PER_S", 0.0)
    with served(station, PUBLIC) as server, httpx.Client() as client:
        url = f"{server.url}/api/v2/ping"
        codes = [client.get(url, headers=bearer(f"wrong{n}")).status_code for n in range(25)]
        assert (codes[0], codes[-1]) == (401, 429)
        right = client.get(url, headers=bearer(read_tokens(station).keep))
        assert right.status_code == 429


@pytest.mark.parametrize(
    ("host", "status"),
    [
        ("localhost", 200),
        ("127.0.0.1:8080", 200),
        ("[::1]:8080", 200),
        ("evil.example", 400),
        ("127.0.0.1.evil.example", 400),
        ("localhost@evil.example", 400),
        ("[", 400),
    ],
)
def test_only_its_own_names_are_answered(station: Path, host: str, status: int) -> None:
    with served(station) as server:
        got = httpx.get(f"{server.url}/api/v2/ping", headers={"Host": host})
    assert got.status_code == status


def test_a_server_of_this_machine_only_needs_no_token_but_from_a_proxy(station: Path) -> None:
    with served(station) as server:
        url = f"{server.url}/api/v2/ping"
        assert httpx.get(url).status_code == 200
        for name in ("X-Forwarded-For", "X-Real-IP", "Forwarded", "Via"):
            assert httpx.get(url, headers={name: "203.0.113.7"}).status_code == 401
        evil = {"Origin": "http://evil.example"}
        assert httpx.post(server.url + REVIEW, json=CONFIRM, headers=evil).status_code == 403
    assert not (station / "web.json").exists()
    assert waiting(station) == []


def test_guests_look_and_learn_nothing_of_the_place(station: Path) -> None:
    config = WebConfig(port=0, public_url="https://birds.example.org", guests=True)
    with served(station, config) as server:
        told = httpx.get(f"{server.url}/api/birdlisten/1/records").json()["records"][0]
        assert "station" not in told
        assert told["source"] != RECORD.source
        listed = httpx.get(f"{server.url}/api/v2/detections")
        assert RECORD.source not in listed.text
        assert listed.headers["access-control-allow-origin"] == "*"
        assert (
            httpx.get(f"{server.url}/static/robots.txt").headers.get("access-control-allow-origin")
            is None
        )
        refused = httpx.post(server.url + REVIEW, json=CONFIRM, headers={"Origin": server.url})
        assert refused.status_code == 403
    with served(station) as server:
        private = httpx.get(f"{server.url}/api/v2/detections")
    assert "access-control-allow-origin" not in private.headers


def test_every_answer_says_what_a_browser_may_do_with_it(station: Path) -> None:
    with served(station) as server:
        for path in ("/api/v2/ping", "/static/robots.txt", "/nowhere", "/api/v2/detections/1"):
            headers = httpx.get(server.url + path).headers
            assert headers["content-security-policy"].startswith("default-src 'self'")
            assert headers["x-content-type-options"] == "nosniff"
        refused = httpx.get(f"{server.url}/api/v2/ping", headers={"Host": "evil.example"})
        assert "content-security-policy" in refused.headers


def test_the_tokens_are_for_their_owner_only(tmp_path: Path) -> None:
    tokens = read_tokens(tmp_path)
    file = tmp_path / "web.json"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert read_tokens(tmp_path) == tokens
    assert tokens.keep not in repr(tokens)
    file.chmod(0o644)
    with pytest.raises(StoreError, match="chmod 600"):
        read_tokens(tmp_path)
    file.chmod(0o600)
    for content in ("", "[]", '{"keep": "", "look": "", "secret": ""}', "{" * 100_000):
        file.write_text(content)
        with pytest.raises(StoreError, match="expected keep, look and secret"):
            read_tokens(tmp_path)


TRAVERSALS = (
    "/static/../app.py",
    "/static/%2e%2e/app.py",
    "/static/..%2fapp.py",
    "/api/v2/media/image/..%2f..%2fweb.json",
    "/api/v2/audio/..%2f..%2fweb.json",
    "/api/birdlisten/1/records/..%2f..%2fweb.json/clip",
    "/static//etc/passwd",
)


@pytest.mark.parametrize("path", TRAVERSALS)
def test_no_path_leads_out(station: Path, path: str) -> None:
    with served(station) as server:
        got = _raw(server, path)
    assert b"404" in got.partition(b"\r\n")[0]
    assert b"secret" not in got


def test_a_clip_that_a_record_names_elsewhere_is_not_given(tmp_path: Path) -> None:
    (tmp_path / "secret.flac").write_bytes(b"secret")
    store, station = Store(tmp_path / "station"), tmp_path / "station"
    store.write(heard(1, None, "strix_aluco", clip="../secret.flac"))
    store.write(heard(2, None, "strix_aluco", clip="clips/link.flac"))
    store.close()
    (station / "clips").mkdir()
    (station / "clips" / "link.flac").symlink_to(tmp_path / "secret.flac")
    with served(station) as server:
        for number in (1, 2):
            record = heard(number, None, "strix_aluco").id
            got = httpx.get(f"{server.url}/api/birdlisten/1/records/{record}/clip")
            assert got.status_code == 404


def _raw(server: Served, path: str) -> bytes:
    """The answer to a path that no client would clean up."""
    import socket

    with socket.create_connection((server.host, server.port), 60) as connection:
        head = f"GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
        connection.sendall(head.encode())
        return b"".join(iter(lambda: connection.recv(65_536), b""))
