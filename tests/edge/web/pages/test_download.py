"""Downloads: all records of a filter, as the command writes them, as fast as they are taken."""

import csv
import gc
import json
import threading
import time
from pathlib import Path

import pytest

pytest.importorskip("starlette")
pytest.importorskip("jinja2")
pytest.importorskip("httpx")

from starlette.testclient import TestClient

from edge.config import DEMO_BUNDLE
from edge.report.forms import FORMS
from edge.web.app import create_app
from edge.web.config import WebConfig
from edge.web.pages.download import CHOICES, pulled
from tests.edge.web.pages.stations import make_station, random_records
from tests.support.broker import until

URL = "http://127.0.0.1:8080"


@pytest.fixture
def page(tmp_path: Path) -> TestClient:
    station = make_station(tmp_path / "station", random_records(1))
    return TestClient(create_app(station, DEMO_BUNDLE), base_url=URL)


def test_a_file_holds_what_the_filter_finds(page: TestClient) -> None:
    owls = [r for r in random_records(1) if r.species_id == "strix_aluco" and r.probability >= 0.5]
    got = page.get("/download?species=strix_aluco&least=50&form=jsonl")
    ids = [json.loads(line)["id"] for line in got.text.splitlines()]
    assert sorted(ids) == sorted(owl.id for owl in owls)
    table = page.get("/download?species=strix_aluco&least=50").text.splitlines()
    assert len([*csv.DictReader(table)]) == len(owls)


def test_every_form_is_named_and_has_its_head(page: TestClient) -> None:
    for name in CHOICES:
        got = page.get(f"/download?from=2026-03-02&to=2026-03-02&form={name}")
        assert f'"birdlisten-2026-03-02-{name}.' in got.headers["content-disposition"]
        assert got.status_code == 200
    assert set(FORMS) - set(CHOICES) == {"parquet"}
    assert page.get("/download?form=parquet").status_code == 400
    assert page.get("/download?from=x").status_code == 400


def test_guests_are_not_told_where_the_recorder_is(tmp_path: Path) -> None:
    station = make_station(tmp_path / "station", random_records(1, 3))
    config = WebConfig(public_url="https://example.org", guests=True)
    guest = TestClient(create_app(station, DEMO_BUNDLE, config), base_url="https://example.org")
    assert guest.get("/download").status_code == 403
    assert "download" not in guest.get("/records").text


def test_parts_are_made_as_they_are_taken_and_no_more_once_nobody_does() -> None:
    written, over = list[int](), threading.Event()

    def write(sink) -> None:
        try:
            for number in range(100_000):
                sink.write(bytes(10_000))
                written.append(number)
        finally:
            over.set()

    parts = pulled(write)
    assert len(next(parts)) >= 10_000
    time.sleep(0.2)
    assert len(written) < 100
    parts.close()
    assert over.wait(30)
    assert len(written) < 100


def test_few_files_are_made_at_a_time(page: TestClient) -> None:
    """Those that find nothing would keep the threads that answer all others."""
    release = threading.Event()
    made = [pulled(lambda sink: release.wait(60)) for _ in range(2)]
    assert page.get("/download").status_code == 503
    assert page.get("/records").status_code == 200
    release.set()
    assert [list(parts) for parts in made] == [[], []]
    assert page.get("/download").status_code == 200


def test_a_file_that_nobody_takes_makes_room(page: TestClient) -> None:
    def write(sink) -> None:
        while True:
            sink.write(bytes(100_000))

    made = [pulled(write) for _ in range(2)]
    del made
    gc.collect()
    until(lambda: page.get("/download").status_code == 200)


def test_an_error_of_the_writer_is_that_of_the_reader() -> None:
    def write(sink) -> None:
        sink.write(b"x")
        raise ValueError("broken")

    with pytest.raises(ValueError, match="broken"):
        list(pulled(write))
