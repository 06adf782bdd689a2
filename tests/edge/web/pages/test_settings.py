"""Settings on the page: checked as the listener checks them, and written line by line."""

import re
from html import unescape
from pathlib import Path

import pytest

pytest.importorskip("starlette")
pytest.importorskip("jinja2")
pytest.importorskip("httpx")

from dataclasses import fields

from starlette.testclient import TestClient

from edge.config import DEMO_BUNDLE, Settings
from edge.records.live_file import LiveFile
from edge.web.adjustable import ADJUSTABLE, FIXED
from edge.web.app import create_app
from edge.web.config import WebConfig
from tests.edge.web.pages.stations import make_station
from tests.edge.web.pages.test_pages import text_of
from tests.support.live import live_state

URL = "http://127.0.0.1:8080"
BEFORE = "# mine\ncaution: 2\nmqtt: mqtt://me:pa55word@broker\n"


@pytest.fixture
def station(tmp_path: Path) -> Path:
    station = make_station(tmp_path / "station", [])
    (station / "config.yaml").write_text(BEFORE)
    return station


@pytest.fixture
def page(station: Path) -> TestClient:
    return TestClient(create_app(station, DEMO_BUNDLE), base_url=URL)


def form_of(page: TestClient) -> dict[str, str]:
    """The fields of the page as a browser sends them."""
    text = page.get("/settings").text
    fields = dict(re.findall(r'<input[^>]* name="(\w+)"[^>]* value="([^"]*)"', text))
    for name, options in re.findall(r'<select[^>]* name="(\w+)".*?>(.*?)</select>', text, re.S):
        fields[name] = re.findall(r'<option value="([^"]*)" selected', options)[0]
    return {name: unescape(value) for name, value in fields.items()}


def test_every_setting_is_on_the_page_once() -> None:
    told = [setting.name for setting in ADJUSTABLE] + [n for names in FIXED.values() for n in names]
    assert sorted(told) == sorted(field.name for field in fields(Settings))


def test_what_is_changed_is_written_and_nothing_else(page: TestClient, station: Path) -> None:
    file = station / "config.yaml"
    untouched = page.post("/settings", data=form_of(page))
    assert (untouched.status_code, file.read_text()) == (200, BEFORE)
    changed = {"threshold": "0.7", "caution": "4", "quiet_hours": "22:00..04:30"}
    saved = page.post("/settings", data={**form_of(page), **changed})
    assert "Saved: Threshold, Caution, Quiet hours" in text_of(saved)
    assert "next start" in text_of(saved)
    after = BEFORE.replace("caution: 2", "caution: 4")
    assert file.read_text() == f'{after}threshold: 0.7\nquiet_hours: "22:00..04:30"\n'
    page.post("/settings", data={**form_of(page), "caution": "", "quiet_hours": ""})
    assert file.read_text() == BEFORE.replace("caution: 2\n", "") + "threshold: 0.7\n"


def test_secrets_are_not_shown(page: TestClient) -> None:
    assert "pa55word" not in page.get("/settings").text


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"threshold": "2"}, "threshold"),
        ({"threshold": "x\ninput: /etc/passwd"}, "threshold"),
        ({"caution": "9"}, "caution"),
        ({"species": "/etc/passwd"}, "species: expected one of"),
        ({"include": "/etc/passwd"}, "include: expected names"),
        ({"include": "Dodo"}, "no species, genus"),
        ({"language": "xx"}, "language: expected one of"),
        ({"quiet_hours": "noon"}, "quiet_hours"),
        ({"quiet_hours": "22:00..22:00"}, "all day"),
        ({"quiet_hours": "sunset..sunset+0", "latitude": "1", "longitude": "1"}, "all day"),
        ({"clip_before": "1000000"}, "clip_most, 30"),
        ({"clip_before": "20", "clip_after": "11"}, "clip_before, clip_after: 31 s together"),
        ({"quiet_hours": "sunset..sunrise"}, "latitude"),
        ({"latitude": "52"}, "they go together"),
        ({"hop": "900"}, "hop"),
        ({"seen": "another"}, "changed meanwhile"),
    ],
)
def test_what_the_listener_would_refuse_is_not_written(page, station, change, said: str) -> None:
    answer = page.post("/settings", data={**form_of(page), **change})
    assert (answer.status_code, said in text_of(answer)) == (400, True)
    assert (station / "config.yaml").read_text() == BEFORE


def test_only_what_is_offered_is_changed(page: TestClient, station: Path) -> None:
    form = {**form_of(page), "input": "/dev/zero", "mqtt": "mqtt://evil", "voices": "keep"}
    assert page.post("/settings", data=form).status_code == 200
    assert (station / "config.yaml").read_text() == BEFORE


def test_what_the_listener_was_given_can_not_be_changed(page: TestClient, station: Path) -> None:
    LiveFile(station, "x", {}).write(live_state(given=("threshold",)))
    assert "threshold" not in form_of(page)
    assert "given where the listener is started" in text_of(page.get("/settings"))
    page.post("/settings", data={**form_of(page), "threshold": "0.9"})
    assert (station / "config.yaml").read_text() == BEFORE
    saved = page.post("/settings", data={**form_of(page), "caution": "1"})
    assert "within some seconds" in text_of(saved)


def test_what_the_listener_was_given_is_taken_to_fit(page: TestClient, station: Path) -> None:
    change = {"quiet_hours": "sunset..sunrise", "exclude": "Strix aluco"}
    LiveFile(station, "x", {}).write(live_state(given=("longitude", "latitude", "include")))
    (station / "config.yaml").write_text("include: Strix aluco\n")
    wrong = page.post("/settings", data={**form_of(page), "exclude": "Dodo"})
    assert (wrong.status_code, "no species, genus" in text_of(wrong)) == (400, True)
    assert "Saved: Without these, Quiet hours" in text_of(
        page.post("/settings", data={**form_of(page), **change})
    )


def test_settings_are_for_those_who_keep(station: Path) -> None:
    config = WebConfig(public_url="https://example.org", guests=True)
    guest = TestClient(create_app(station, DEMO_BUNDLE, config), base_url="https://example.org")
    answer = guest.get("/settings")
    assert (answer.status_code, "caution" in answer.text) == (403, False)
