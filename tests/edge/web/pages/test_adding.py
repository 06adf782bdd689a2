"""A species added on the page: bounded files, the command's own words, and a way back."""

import errno
import re
import time
from pathlib import Path

import numpy as np
import pytest
import soundfile

pytest.importorskip("starlette")
pytest.importorskip("jinja2")
pytest.importorskip("httpx")

from starlette.testclient import TestClient

from edge.config import DEMO_BUNDLE
from edge.web import uploads
from edge.web.additions import AdditionDesk, AdditionOutcome, AdditionRequest
from edge.web.app import create_app
from edge.web.config import WebConfig
from tests.edge.web.pages.stations import make_station
from tests.edge.web.pages.test_pages import text_of

URL = "http://127.0.0.1:8080"
MALLEEFOWL = {"name": "Leipoa ocellata", "common": "Malleefowl"}


@pytest.fixture
def station(tmp_path: Path) -> Path:
    return make_station(tmp_path / "station", [])


@pytest.fixture
def page(station: Path) -> TestClient:
    return TestClient(create_app(station, DEMO_BUNDLE), base_url=URL)


@pytest.fixture
def boom(tmp_path: Path) -> bytes:
    """A slow boom with a sweep over it."""
    moments = np.arange(48_000 * 5) / 48_000
    sweep = 900 + 500 * np.sin(2 * np.pi * 0.7 * moments)
    beat = np.clip(np.sin(2 * np.pi * 1.5 * moments), 0, None)
    wave = 0.4 * beat * np.sin(2 * np.pi * np.cumsum(sweep) / 48_000)
    noise = np.random.default_rng(0).normal(0, 0.002, len(wave))
    soundfile.write(tmp_path / "boom.wav", (wave + noise).astype(np.float32), 48_000)
    return (tmp_path / "boom.wav").read_bytes()


def added(page: TestClient, *files: tuple[str, bytes], **given: str) -> str:
    """The page once the addition has ended."""
    sent = [("files", (name, content)) for name, content in files]
    answer = page.post("/add", data=given, files=sent)
    assert answer.status_code == 200
    while "is being added" in answer.text:
        time.sleep(0.2)
        answer = page.get("/add")
    return text_of(answer)


def test_a_species_is_added_shown_and_taken_back(page: TestClient, station: Path, boom) -> None:
    told = added(page, ("ä/../boom 1.wav", boom), ("broken.wav", b"RIFF"), **MALLEEFOWL)
    assert "Leipoa ocellata: added" in told, told
    assert "its own sounds reach" in told
    assert "nearest by sound" in told
    assert "broken.wav" in told
    assert "/tmp" not in told
    shown = page.get("/species/leipoa_ocellata")
    assert "Malleefowl" in text_of(shown)
    (label,) = set(re.findall('name="label" value="([^"]*)"', shown.text + page.get("/add").text))
    undo = {"label": label}
    assert page.post("/species/leipoa_ocellata/undo", data={"label": "add-1"}).status_code == 400
    desk = page.app.state.additions
    desk.running = "another"
    assert page.post("/species/leipoa_ocellata/undo", data=undo).status_code == 503
    desk.running = None
    undone = page.post("/species/leipoa_ocellata/undo", data=undo)
    assert "Taken back: 0 pictures and 1 sound." in text_of(undone)
    assert page.get("/species/leipoa_ocellata").status_code == 404
    assert page.post("/species/leipoa_ocellata/undo", data=undo).status_code == 404
    assert not list((station / "overlay").rglob("*.npy"))


def test_a_refused_species_says_why_and_adds_nothing(page: TestClient, station: Path) -> None:
    told = added(page, ("silence.wav", b"RIFF"), name="<b>nonsense")
    assert "nothing was added" in told
    assert "expected a name that the bundle knows" in told
    assert not (station / "overlay").exists()


@pytest.mark.parametrize(
    ("given", "files", "said"),
    [
        (MALLEEFOWL, [], "expected pictures or sounds"),
        ({"name": "-x"}, [("a.wav", b"x")], "expected the name"),
        (MALLEEFOWL, [("a.exe", b"x")], "is no file of"),
        (MALLEEFOWL, [("wav", b"x")], "is no file of"),
        (MALLEEFOWL, [("a.wav", b"")] * 41, "expected 40 at most"),
    ],
)
def test_what_can_not_be_used_is_refused_at_once(page, given, files, said: str) -> None:
    answer = page.post("/add", data=given, files=[("files", file) for file in files] or None)
    assert (answer.status_code, said in text_of(answer)) == (400, True)


def test_files_of_one_request_at_a_time_are_taken(page: TestClient) -> None:
    def told() -> tuple[int, str]:
        answer = page.post("/add", data=MALLEEFOWL, files=[("files", ("a.exe", b"x"))])
        return answer.status_code, text_of(answer)

    with page.app.state.additions.receiving():
        status, said = told()
        assert (status, "other files are being sent" in said) == (400, True)
    assert "is no file of" in told()[1]


def test_a_full_disk_is_told(page: TestClient, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*given: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(uploads.shutil, "copyfileobj", full)
    answer = page.post("/add", data=MALLEEFOWL, files=[("files", ("a.wav", b"x"))])
    assert (answer.status_code, "No space left" in text_of(answer)) == (400, True)
    assert page.app.state.additions.running is None


def test_controls_in_words_are_blanks(page: TestClient, monkeypatch: pytest.MonkeyPatch) -> None:
    wanted = []
    monkeypatch.setattr(AdditionDesk, "begin", lambda desk, words, *given: wanted.append(words))
    words = {"name": "Strix\0aluco", "author": "A\rB\u2028\n", "licence": "\x1b[2J"}
    page.post("/add", data=words, files=[("files", ("a.wav", b"x"))])
    assert wanted == [AdditionRequest(name="Strix aluco", author="A B", licence="[2J")]


def test_too_much_is_refused(station: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(uploads, "MOST_BYTES", 100_000)
    page = TestClient(create_app(station, DEMO_BUNDLE), base_url=URL)
    files = [("files", ("a.wav", bytes(100_001)))]
    assert page.post("/add", data=MALLEEFOWL, files=files).status_code == 413


def test_who_may_only_look_adds_nothing(station: Path) -> None:
    config = WebConfig(public_url="https://example.org", guests=True)
    app = create_app(station, DEMO_BUNDLE, config)
    app.state.additions.outcome = AdditionOutcome(name="Strix aluco", told=("a secret",))
    guest = TestClient(app, base_url="https://example.org")
    assert "<form" not in guest.get("/add").text
    assert "a secret" not in guest.get("/add").text
    from_us = {"origin": "https://example.org"}
    files = [("files", ("a.wav", b"x"))]
    for path in ("/add", "/species/strix_aluco/undo", "/settings"):
        assert guest.post(path, data=MALLEEFOWL, files=files, headers=from_us).status_code == 403
