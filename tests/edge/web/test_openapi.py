"""The API as its description has it: every route is described, and no request breaks it."""

import re
from pathlib import Path

import pytest
import yaml

pytest.importorskip("starlette")
pytest.importorskip("uvicorn")
schemathesis = pytest.importorskip("schemathesis")

from hypothesis import HealthCheck, Phase, given, settings  # noqa: E402
from hypothesis import strategies as st  # noqa: E402

from edge.config import DEMO_BUNDLE  # noqa: E402
from edge.records.store import Store  # noqa: E402
from edge.web.app import HERE, create_app  # noqa: E402
from edge.web.config import WebConfig  # noqa: E402
from tests.edge.web.test_guard import paths  # noqa: E402
from tests.support.web import SPECIES, heard, served  # noqa: E402

DESCRIPTION = yaml.safe_load((HERE / "openapi.yaml").read_text(encoding="utf-8"))
PARAMETER = re.compile(r"{[^}]*}")
SCHEMA = schemathesis.openapi.from_dict(DESCRIPTION)
ENDLESS = [path for path in DESCRIPTION["paths"] if path.endswith("/stream")]
CASES = st.one_of(
    *(
        operation.ok().as_strategy(generation_mode=mode)
        for operation in SCHEMA.get_all_operations()
        for mode in schemathesis.GenerationMode
        if operation.ok().path not in ENDLESS
    )
)


def test_every_route_of_the_api_is_described(tmp_path: Path) -> None:
    every = paths(create_app(tmp_path, DEMO_BUNDLE).routes)
    made = {
        (method, re.sub("/(x|1)(?=/|$)", "/{}", path.replace("birdlisten/1", "birdlisten/one")))
        for method, path in every
        if path.startswith("/api/") and method != "HEAD" and "openapi" not in path
    }
    described = {
        (method.upper(), PARAMETER.sub("{}", path.replace("birdlisten/1", "birdlisten/one")))
        for path, methods in DESCRIPTION["paths"].items()
        for method in methods
    }
    assert made == described


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory):
    station = tmp_path_factory.mktemp("station")
    store = Store(station)
    moments = [f"2026-05-01T0{hour}:00:00.000Z" for hour in range(9)]
    names = list(SPECIES)
    store.write_all([heard(n, moment, names[n % 3]) for n, moment in enumerate(moments)])
    store.close()
    with served(station, WebConfig(port=0, requests_per_s=1e6, burst=1_000_000)) as running:
        yield running


@settings(
    max_examples=300,
    deadline=None,
    phases=[Phase.generate],
    suppress_health_check=list(HealthCheck),
)
@given(case=CASES)
def test_no_request_breaks_the_server_whether_the_description_allows_it_or_not(
    server, case
) -> None:
    answer = case.call(base_url=server.url)
    assert answer.status_code < 500, answer.text
    assert answer.headers["content-type"][0].split(";")[0] in (
        *("application/json", "image/jpeg", "image/png", "audio/flac", "text/plain"),
    )
