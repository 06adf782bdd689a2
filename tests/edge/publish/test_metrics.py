"""Metrics, as Prometheus and its own tool read them."""

import shutil
import subprocess
import urllib.request

import pytest

from edge.contract.errors import ConfigError
from edge.publish.courier import Courier
from edge.publish.metrics import DetectionCount, StationMetrics, serve
from edge.records.detection import Listened
from edge.records.reader import open_records
from tests.edge.publish.test_courier import Listener, run
from tests.support.broker import free_port
from tests.support.published import Recorder

pytest.importorskip("prometheus_client")


@pytest.fixture
def recorder(tmp_path):
    writer = Recorder(tmp_path / "station")
    yield writer
    writer.close()


def text_of(metrics: StationMetrics) -> str:
    from prometheus_client import CollectorRegistry, generate_latest

    registry = CollectorRegistry(auto_describe=False)
    registry.register(metrics)
    return generate_latest(registry).decode()


def values(text: str) -> dict[str, float]:
    lines = [line for line in text.splitlines() if not line.startswith("#")]
    return {name: float(value) for name, value in (line.rsplit(" ", 1) for line in lines)}


def test_what_a_station_has_heard_is_told(recorder):
    courier = run(recorder.station, Listener(), 0)
    recorder.hear(4)
    recorder._store.write(Listened("USB Audio", 1000, 2_500_000))
    found = values(text_of(StationMetrics(recorder.station, [courier], "1.0", False)))
    assert found["birdlisten_detections_total"] == 4
    assert found["birdlisten_last_detection_timestamp_seconds"] == 1777609870.0
    assert found["birdlisten_listened_until_timestamp_seconds"] == 2500
    assert found["birdlisten_database_bytes"] > 0
    assert found['birdlisten_publish_queue_records{receiver="listener"}'] == 4
    assert found['birdlisten_publish_delivered_total{receiver="listener"}'] == 0
    assert found["birdlisten_station_readable"] == 1
    assert found['birdlisten_info{version="1.0"}'] == 1


def test_species_are_counted_only_if_wished(recorder):
    recorder.hear(4)
    found = values(text_of(StationMetrics(recorder.station, [], "1.0", True)))
    assert found['birdlisten_detections_total{scientific_name="Cuculus canorus"}'] == 2
    assert "birdlisten_detections_total" not in found


def test_a_station_that_cant_be_read_is_told(tmp_path):
    found = values(text_of(StationMetrics(tmp_path / "absent", [], "1.0", False)))
    assert found["birdlisten_station_readable"] == 0


def test_a_count_goes_on_with_what_is_new(recorder):
    counter = DetectionCount()
    for hearing in (3, 2, 0):
        recorder.hear(hearing)
        with open_records(recorder.station) as records:
            counter.count(records)
        assert counter.by_species.total() == len(recorder.ids)


@pytest.mark.skipif(shutil.which("promtool") is None, reason="promtool is not installed")
@pytest.mark.parametrize("by_species", [False, True])
def test_promtool_has_nothing_to_object_to(recorder, by_species):
    recorder.hear(3)
    recorder._store.write(Listened("USB Audio", 1000, 2_500_000))
    courier = Courier(recorder.station, Listener())
    text = text_of(StationMetrics(recorder.station, [courier], "1.0", by_species))
    done = subprocess.run(
        ["promtool", "check", "metrics"], input=text, capture_output=True, text=True
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_the_metrics_are_served(recorder):
    recorder.hear(1)
    port = free_port()
    serve(f"127.0.0.1:{port}", StationMetrics(recorder.station, [], "1.0", False))
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics") as answer:
        assert b"birdlisten_detections_total 1.0" in answer.read()
    with pytest.raises(ConfigError, match="name another port"):
        serve(f"127.0.0.1:{port}", StationMetrics(recorder.station, [], "1.0", False))


@pytest.mark.parametrize("address", ["", "9690", "host:", ":9690", "h:99999", "h:x"])
def test_what_is_no_address_is_refused(recorder, address):
    with pytest.raises(ConfigError, match="HOST:PORT"):
        serve(address, StationMetrics(recorder.station, [], "1.0", False))
