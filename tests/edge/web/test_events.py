"""Events: nothing is lost over a cut connection, nothing is told twice, nobody holds up another."""

import json
import socket
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

pytest.importorskip("starlette")
pytest.importorskip("uvicorn")
httpx = pytest.importorskip("httpx")

from edge.records.detection import Rejection  # noqa: E402
from edge.records.live_file import LiveFile  # noqa: E402
from edge.records.live_state import HeardNow  # noqa: E402
from edge.records.numbers import number_of  # noqa: E402
from edge.records.sources import key_of  # noqa: E402
from edge.records.store import Store  # noqa: E402
from edge.web import limits  # noqa: E402
from edge.web.config import WebConfig  # noqa: E402
from tests.support.live import live_state  # noqa: E402
from tests.support.web import Served, heard, served  # noqa: E402

QUICK = WebConfig(port=0, poll_s=0.02, requests_per_s=1000, burst=1000)
ROUTE = "/api/v2/detections/stream"


class Client:
    """A client of the events over a plain connection, which is cut without a word."""

    def __init__(self, server: Served, route: str = ROUTE) -> None:
        self.server, self.route = server, route
        self.last, self.ids = "", list[str]()

    def read(self, most: int) -> None:
        """Connect, read until so many detections came or there are no more for now, and cut."""
        with socket.create_connection((self.server.host, self.server.port), 60) as connection:
            known = f"Last-Event-ID: {self.last}\r\n" if self.last else ""
            head = f"GET {self.route} HTTP/1.1\r\nHost: localhost\r\n{known}\r\n"
            connection.sendall(head.encode())
            count = 0
            for name, number, data in events(connection):
                self.last = number or self.last
                if name == "detection":
                    self.ids.append(data["uuid"])
                    count += 1
                if count >= most:
                    return


def events(connection: socket.socket) -> Iterator[tuple[str, str, dict]]:
    """Name, id and data of each event, as they come."""
    fields: dict[str, str] = {}
    for line in connection.makefile("r", encoding="utf-8", newline="\n"):
        name, colon, value = line.rstrip("\r\n").partition(": ")
        if colon:
            fields[name] = value
        elif not line.strip() and "data" in fields:
            yield fields.get("event", ""), fields.get("id", ""), json.loads(fields["data"])
            fields = {}


def test_nothing_is_lost_or_told_twice_over_fifty_cut_connections(tmp_path: Path) -> None:
    store = Store(tmp_path)
    store.write(heard(1, None, "strix_aluco"))
    written = [heard(number, None, "parus_major") for number in range(2, 152)]

    def write() -> None:
        for number, record in enumerate(written):
            store.write(Rejection(heard(1000 + number, None, "strix_aluco"), "few windows"))
            store.write(record)

    with served(tmp_path, QUICK) as server:
        client = Client(server)
        client.read(0)
        assert client.last == str(number_of(heard(1, None, "strix_aluco").id))
        writer = threading.Thread(target=write)
        writer.start()
        for _ in range(50):
            client.read(3)
        writer.join()
    store.close()
    assert client.ids == [record.id for record in written]


def test_a_client_without_a_past_hears_only_what_is_new(tmp_path: Path) -> None:
    store = Store(tmp_path)
    store.write(heard(1, None, "strix_aluco"))
    with served(tmp_path, QUICK) as server:
        with socket.create_connection((server.host, server.port), 60) as connection:
            connection.sendall(f"GET {ROUTE} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
            stream = events(connection)
            name, number, _ = next(stream)
            assert (name, number) == ("connected", str(number_of(heard(1, None, "strix_aluco").id)))
            store.write(heard(2, None, "parus_major"))
            name, _, told = next(stream)
            assert (name, told["uuid"]) == ("detection", heard(2, None, "parus_major").id)
    store.close()


def test_a_station_without_records_tells_its_first(tmp_path: Path) -> None:
    with (
        served(tmp_path, QUICK) as server,
        socket.create_connection((server.host, server.port), 60) as connection,
    ):
        connection.sendall(f"GET {ROUTE} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
        stream = events(connection)
        assert next(stream)[:2] == ("connected", "0")
        store = Store(tmp_path)
        store.write(heard(1, None, "strix_aluco"))
        assert next(stream)[2]["uuid"] == heard(1, None, "strix_aluco").id
        store.close()


def test_signs_of_life_come_also_while_candidates_are_kept(tmp_path: Path) -> None:
    Store(tmp_path).close()
    config = WebConfig(port=0, heartbeat_s=0.05, poll_s=0.02)
    with (
        served(tmp_path, config) as server,
        socket.create_connection((server.host, server.port), 60) as connection,
    ):
        connection.sendall(f"GET {ROUTE} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
        stream = events(connection)
        names = [next(stream)[0] for _ in range(3)]
    assert names == ["connected", "heartbeat", "heartbeat"]


def test_streams_are_limited_and_let_go(tmp_path: Path) -> None:
    Store(tmp_path).close()
    with served(tmp_path, WebConfig(port=0, streams=1, heartbeat_s=0.05)) as server:
        with httpx.stream("GET", server.url + ROUTE, timeout=60) as first:
            assert first.status_code == 200
            second = httpx.get(server.url + ROUTE)
            assert (second.status_code, second.headers["retry-after"]) == (503, "30")
        for _ in range(200):
            with httpx.stream("GET", server.url + ROUTE, timeout=60) as third:
                if third.status_code == 200:
                    return
        raise AssertionError("the place of a client that has gone stays taken")


def test_our_own_stream_tells_records_as_json_does(tmp_path: Path) -> None:
    store = Store(tmp_path)
    store.write(heard(1, None, "strix_aluco"))
    store.close()
    with (
        served(tmp_path, QUICK) as server,
        socket.create_connection((server.host, server.port), 60) as connection,
    ):
        route = "/api/birdlisten/1/records/stream?last_event_id=0"
        connection.sendall(f"GET {route} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
        stream = events(connection)
        next(stream)
        told = next(stream)[2]
    record = heard(1, None, "strix_aluco")
    assert {name: told[name] for name in record.to_dict()} == json.loads(record.to_json())
    assert (told["number"], told["verdict"]) == (number_of(record.id), "unreviewed")


@pytest.mark.parametrize(
    ("route", "source"),
    [
        (ROUTE, ("sourceID", key_of("pulse"))),
        ("/api/birdlisten/1/records/stream", ("source", "pulse")),
    ],
)
def test_what_is_being_heard_is_told_each_time_it_changes(
    tmp_path: Path, route: str, source: tuple[str, str]
) -> None:
    Store(tmp_path).close()
    owl = HeardNow(
        species_id="strix_aluco", scientific_name="Strix aluco", common_name="Tawny Owl",
        confidence=0.8, hits=1, hits_needed=3, since_ms=1_767_225_600_000,
    )  # fmt: skip
    file = LiveFile(tmp_path, "microphone")
    with (
        served(tmp_path, QUICK) as server,
        socket.create_connection((server.host, server.port), 60) as connection,
    ):
        connection.sendall(f"GET {route} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
        stream, told = events(connection), list[list[dict]]()
        next(stream)
        for heard_now in ((owl,), (replace(owl, hits=2),), ()):
            file.write(live_state(heard=heard_now))
            name, number, content = next(stream)
            assert (name, number) == ("pending", "")
            told.append(content)
    file.remove()
    assert [[one["hits"] for one in content] for content in told] == [[1], [2], []]
    assert source in told[0][0].items()


def test_a_client_that_takes_nothing_is_cut_off(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "SEND_S", 0.2)
    store = Store(tmp_path)
    long = "x" * 50_000
    store.write_all([heard(n, None, "strix_aluco", common_name=long) for n in range(1, 300)])
    store.close()
    with served(tmp_path, WebConfig(port=0, streams=1)) as server, socket.socket() as slow:
        slow.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        slow.connect((server.host, server.port))
        head = f"GET {ROUTE}?last_event_id=0 HTTP/1.1\r\nHost: localhost\r\n\r\n"
        slow.sendall(head.encode())
        assert slow.recv(1) == b"H"
        assert httpx.get(server.url + ROUTE).status_code == 503
        status = 503
        while status == 503:
            time.sleep(0.1)
            with httpx.stream("GET", server.url + ROUTE, timeout=60) as other:
                status = other.status_code
        assert status == 200
