"""Our own API: records as `--json` tells them, and verdicts that the station learns."""

import json
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("starlette")
pytest.importorskip("uvicorn")
httpx = pytest.importorskip("httpx")

from edge.config import DEMO_BUNDLE  # noqa: E402
from edge.contract.bundle import load_bundle  # noqa: E402
from edge.recognition.overlay import Overlay  # noqa: E402
from edge.records.detection import Rejection  # noqa: E402
from edge.records.evidence import Evidence  # noqa: E402
from edge.records.inbox import Lesson, Review, waiting  # noqa: E402
from edge.records.lessons import give  # noqa: E402
from edge.records.store import Store  # noqa: E402
from edge.web.station import StationView  # noqa: E402
from tests.support.lessons import leave  # noqa: E402
from tests.support.web import heard, served  # noqa: E402

MODEL = load_bundle(DEMO_BUNDLE).manifest.model_id
OWL = heard(1, "2026-03-29T00:30:00.000Z", "strix_aluco", model_id=MODEL)
TIT = heard(2, "2026-03-29T01:30:00.000Z", "parus_major")
CANDIDATE = heard(3, "2026-03-29T02:30:00.000Z", "parus_major")
ROOT = "/api/birdlisten/1"


@pytest.fixture
def station(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An owl with the embedding of its sound, a tit without, and what was not reported."""
    monkeypatch.setenv("TZ", "Europe/Berlin")
    dim = load_bundle(DEMO_BUNDLE).manifest.embedding_dim
    store = Store(tmp_path)
    row = np.eye(1, dim, dtype=np.float16)[0]
    store.write_all([OWL, TIT, Rejection(CANDIDATE, "too few windows"), Evidence(OWL.id, row)])
    store.close()
    return tmp_path


def exemplars(station: Path, species_id: str) -> int:
    dim = load_bundle(DEMO_BUNDLE).manifest.embedding_dim
    return len(Overlay(station, OWL.model_id, dim).load().exemplars.get(species_id, ()))


def test_records_are_told_as_json_tells_them(station: Path) -> None:
    with served(station) as server:
        url = f"{server.url}{ROOT}/records"
        page = httpx.get(url, params={"day": "2026-03-29", "species": "Tawny Owl"}).json()
        assert (page["total"], page["offset"]) == (1, 0)
        told = page["records"][0]
        assert {name: told[name] for name in OWL.to_dict()} == json.loads(OWL.to_json())
        single = httpx.get(f"{url}/{OWL.id}").json()
        assert single == {**told, "not_reported": None}
        candidate = httpx.get(f"{url}/{CANDIDATE.id}").json()
        assert candidate["not_reported"] == "too few windows"
        assert httpx.get(url, params={"species": "Dodo"}).status_code == 400
        assert httpx.get(url, params={"verdict": "maybe"}).status_code == 400
        assert httpx.get(f"{url}/{OWL.id[:8]}").status_code == 404


def test_species_and_days_are_those_of_the_stations_zone(station: Path) -> None:
    """Summer time begins that night: the owl sings at half past one, the tit at half past three."""
    with served(station) as server:
        url = f"{server.url}{ROOT}"
        day = httpx.get(f"{url}/species", params={"day": "2026-03-29"}).json()["species"]
        hours = {species["species_id"]: species["hours"].index(1) for species in day}
        assert hours == {"strix_aluco": 1, "parus_major": 3}
        assert httpx.get(f"{url}/days").json()["days"] == {"2026-03-29": 2}
        owl = httpx.get(f"{url}/species/strix_aluco").json()
        assert (owl["records"], owl["days"], owl["hours"][1]) == (1, {"2026-03-29": 1}, 1)
        assert httpx.get(f"{url}/species/dodo").status_code == 404


def test_the_station_learns_a_verdict_and_takes_it_back(station: Path) -> None:
    with served(station) as server:
        url = f"{server.url}{ROOT}/records/{OWL.id}"

        def say(**verdict: str) -> httpx.Response:
            return httpx.post(f"{url}/review", json=verdict)

        said = say(verdict="confirmed").json()
        assert (said["taught"], said["species_id"]) == (True, "strix_aluco")
        assert exemplars(station, "strix_aluco") == 1
        assert httpx.get(url).json()["verdict"] == "confirmed"
        assert say(verdict="confirmed", species="Parus major").json()["species_id"] == "parus_major"
        assert exemplars(station, "strix_aluco") == 0
        assert exemplars(station, "parus_major") == 1
        assert say(verdict="unreviewed").status_code == 200
        assert exemplars(station, "parus_major") == 0
        assert httpx.get(url).json()["verdict"] == "unreviewed"
        wrong = say(verdict="confirmed", species="Dodo", comment="it stood there")
        assert (wrong.status_code, httpx.get(url).json()["comments"]) == (400, [])
        assert say(verdict="rejected", species="Parus major").status_code == 400
        other = f"{server.url}{ROOT}/records/{TIT.id}/review"
        assert httpx.post(other, json={"verdict": "rejected"}).json()["taught"] is False
    store = Store(station)
    assert store.take_reviews() == len(waiting(station)) + 4
    assert store.verdict(TIT.id) == ("rejected", "")
    store.close()


def test_the_page_knows_a_species_that_a_verdict_has_added(station: Path) -> None:
    view = StationView(station, DEMO_BUNDLE)
    before = view.bundle
    leave(station, OWL.id, "rejected")
    assert view.bundle is before
    line = {**before.taxonomy.species[0].line, "species_id": "leipoa_ocellata"}
    give(station, Review(OWL.id, "confirmed", "", 0, Lesson(by="page", species=line)))
    assert "leipoa_ocellata" in view.bundle.own
