"""From published corpora to a recorder that fetches what was made of them."""

import importlib
import json

import pytest

pytest.importorskip("torch")
pytest.importorskip("pyarrow")
from edge.contract.bundle import load_bundle
from edge.system.hub_bundle import fetched
from tests.support.first_day import REPO, Day
from tests.support.hub import Hub


@pytest.fixture(scope="module")
def day(tmp_path_factory):
    day = Day(tmp_path_factory.mktemp("day"))
    day.unpack()
    return day


def test_the_first_day_ends_with_a_recorder_that_hears(day, monkeypatch, capsys):
    monkeypatch.chdir(day.root)
    monkeypatch.setenv("XDG_DATA_HOME", str(day.root / "data"))
    for stage in day.stages():
        code = importlib.import_module(stage.module).main(stage.arguments)
        said = capsys.readouterr()
        assert code == 0, f"{stage.name}: {said.out[-2000:]} {said.err[-2000:]}"
        assert "Traceback" not in said.err
    bundle = load_bundle(day.bundle)
    assert bundle.manifest.precisions == ("fp32", "fp16", "int8")
    assert {row.author for row in bundle.gallery.table} >= {"Ann", "Bea"}
    assert bundle.calibrated("int8", "all")
    assert [run["dataset"] for run in bundle.manifest.provenance["lineage"]] == ["inatsounds"]
    card = (day.repository / "README.md").read_text()
    assert "| distilled |" in card
    fetched.cache_clear()
    with Hub() as hub:
        hub.add(REPO, day.repository)
        hub.stand_in(monkeypatch)
        listen = day.listen()
        assert importlib.import_module(listen.module).main(list(listen.arguments)) == 0
    fetched.cache_clear()
    (line,) = capsys.readouterr().out.splitlines()
    names = {species.scientific_name for species in bundle.taxonomy.species}
    assert {top["scientific_name"] for top in json.loads(line)["top"]} <= names
    installed = day.root / "data" / "birdlisten" / "bundles" / "first-day"
    assert load_bundle(installed).manifest == bundle.manifest
