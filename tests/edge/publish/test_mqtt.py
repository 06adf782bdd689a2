"""Records come to a real broker: each, in order, whatever is killed meanwhile."""

import json
import os
import random
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from edge.contract.errors import ConfigError
from edge.publish.broker import Broker, read_broker
from edge.publish.courier import Courier
from edge.publish.crew import Crew
from edge.publish.delivery import Undelivered
from edge.publish.discovery import Message
from edge.publish.link import MqttLink
from edge.publish.mqtt import MqttPublisher
from edge.records.numbers import number_of
from tests.support import ROOT
from tests.support.broker import MOSQUITTO, Gate, Mosquitto, Subscriber, until
from tests.support.published import SPECIES, Recorder

pytest.importorskip("paho.mqtt.client")
pytestmark = pytest.mark.skipif(MOSQUITTO is None, reason="mosquitto is not installed")


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[Mosquitto]:
    running = Mosquitto(tmp_path).start()
    yield running
    running.kill()


@pytest.fixture
def subscriber(broker: Mosquitto) -> Iterator[Subscriber]:
    subscribed = Subscriber(broker.port).attach()
    yield subscribed
    subscribed.detach()


@pytest.fixture
def recorder(tmp_path: Path) -> Iterator[Recorder]:
    writer = Recorder(tmp_path / "station")
    yield writer
    writer.close()


def crew_of(recorder: Recorder, port: int, form: str = "device", since_ms: int | None = None):
    broker = Broker(host="127.0.0.1", port=port, node="pi")
    publisher = MqttPublisher(broker, form, (52.5, 13.4), "1.0")
    return Crew([Courier(recorder.station, publisher, since_ms)])


def command(recorder: Recorder, port: int, *flags: str) -> subprocess.Popen[bytes]:
    url = f"mqtt://127.0.0.1:{port}"
    arguments = ["publish", "--station", str(recorder.station), "--mqtt", url, *flags]
    return subprocess.Popen([sys.executable, "-m", "edge", *arguments], cwd=ROOT)


def in_order(recorder: Recorder, subscriber: Subscriber) -> bool:
    """Each record has come, and those of a species in the order in which they were written."""
    came = {found["id"]: n for n, found in reversed([*enumerate(subscriber.detections())])}
    assert set(recorder.ids) == set(came)
    for species, _, _ in SPECIES:
        places = [came[record.id] for record in recorder.written if record.species_id == species]
        assert places == sorted(places)
    return True


def test_a_record_comes_with_birdnet_gos_names(recorder, broker, subscriber):
    recorder.hear()
    crew = crew_of(recorder, broker.port, since_ms=0)
    crew.start()
    until(lambda: len(subscriber.detections()) == 1)
    crew.stop()
    found = subscriber.detections()[0]
    assert (found["Date"], found["Time"]) == ("2026-05-01", "04:31:07")
    assert (found["CommonName"], found["ScientificName"]) == ("Common Cuckoo", "Cuculus canorus")
    assert found["detectionId"] == number_of(recorder.ids[0])
    assert found["BirdImage"]["URL"] == "https://x.test/1.jpg"
    assert (found["Latitude"], found["Longitude"]) == (52.5, 13.4)
    assert 0 <= found["Confidence"] <= 1


def test_an_old_station_is_not_told_whole(recorder, broker, subscriber):
    old = recorder.hear(5)
    crew = crew_of(recorder, broker.port)
    crew.start()
    until(lambda: subscriber.on("birdnet/status"))
    new = recorder.hear(3)
    until(lambda: len(subscriber.ids()) == 3)
    crew.stop()
    assert subscriber.ids() == [record.id for record in new]
    assert old


def test_records_pile_up_while_there_is_no_broker(recorder, broker, subscriber):
    crew = crew_of(recorder, broker.port)
    crew.start()
    until(lambda: subscriber.on("birdnet/status"))
    broker.kill()
    recorder.hear(120)
    broker.start()
    subscriber.attach()
    until(lambda: len(subscriber.ids()) == 120)
    crew.stop()
    assert in_order(recorder, subscriber)


def test_status_says_who_is_there_and_the_broker_who_is_not(recorder, broker, subscriber):
    process = command(recorder, broker.port)
    until(lambda: subscriber.on("birdnet/status") == [b"online"])
    process.kill()
    process.wait()
    until(lambda: subscriber.on("birdnet/status") == [b"online", b"offline"])
    process = command(recorder, broker.port)
    until(lambda: subscriber.on("birdnet/status")[-1] == b"online")
    process.terminate()
    assert process.wait(10) == 0
    until(lambda: subscriber.on("birdnet/status")[-1] == b"offline")


def test_a_broker_killed_again_and_again_loses_nothing(recorder, broker, subscriber):
    """The gate lets the publisher in once the subscriber is there: a broker keeps nothing here."""
    gate, choice = Gate(broker.port), random.Random(28)
    gate.is_open = True
    crew = crew_of(recorder, gate.port)
    crew.start()
    until(lambda: subscriber.on("birdnet/status"))
    for _ in range(10):
        recorder.hear(3)
        time.sleep(choice.random() / 5)
        gate.is_open = False
        broker.kill()
        recorder.hear(2)
        gate.shut()
        broker.start()
        subscriber.attach()
        gate.is_open = True
    until(lambda: len(subscriber.ids()) == len(recorder.ids), 120)
    crew.stop()
    gate.close()
    assert in_order(recorder, subscriber)


def test_a_publisher_killed_again_and_again_loses_nothing(recorder, broker, subscriber):
    recorder.hear()
    process = command(recorder, broker.port)
    until(lambda: subscriber.on("birdnet/status"))
    recorder.written.clear()
    over, choice = threading.Event(), random.Random(28)
    hearing = threading.Thread(target=_hear_until, args=(recorder, over))
    hearing.start()
    for _ in range(6):
        time.sleep(0.3 + choice.random())
        os.kill(process.pid, signal.SIGKILL)
        process.wait()
        process = command(recorder, broker.port)
    over.set()
    hearing.join()
    until(lambda: len(subscriber.ids()) == len(recorder.ids), 60)
    process.terminate()
    process.wait()
    assert in_order(recorder, subscriber)


def _hear_until(recorder: Recorder, over: threading.Event) -> None:
    while not over.wait(0.02):
        recorder.hear()


def test_each_source_has_a_topic_that_keeps_its_last_bird(recorder, broker, subscriber):
    crew = crew_of(recorder, broker.port)
    crew.start()
    until(lambda: subscriber.on("birdnet/status"))
    recorder.hear(1, species=0, source="garden")
    recorder.hear(1, species=1, source="wood")
    until(lambda: len(subscriber.on("birdnet/wood")) == 1)
    crew.stop()
    late = Subscriber(broker.port).attach()
    until(lambda: late.on("birdnet/wood"))
    late.detach()
    assert late.detections("birdnet/garden")[0]["CommonName"] == "Common Cuckoo"
    assert late.detections("birdnet/wood")[0]["CommonName"] == "Tawny Owl"
    assert late.on("birdnet") == []  # an automation would take it for a new one


def test_a_recording_has_no_topic_of_its_own(recorder, broker, subscriber):
    crew = crew_of(recorder, broker.port)
    crew.start()
    until(lambda: subscriber.on("birdnet/status"))
    recorder.hear(1, source="dawn.wav", volume="card", root="/media")
    recorder.hear(1)
    until(lambda: len(subscriber.on("birdnet")) == 2)
    crew.stop()
    assert not any("dawn" in topic for topic, _, _ in subscriber.messages)


@pytest.mark.parametrize("form", ["device", "components", "off"])
def test_home_assistant_is_told_in_one_form_only(recorder, broker, subscriber, form):
    crew = crew_of(recorder, broker.port, form)
    crew.start()
    until(lambda: subscriber.on("birdnet/status"))
    recorder.hear(1, source="garden")
    until(lambda: subscriber.on("birdnet/garden"))
    until(lambda: len(subscriber.on("birdnet/status")) > 1)
    crew.stop()
    late = Subscriber(broker.port, "homeassistant/#").attach()
    time.sleep(0.3)
    late.detach()
    topics = sorted(topic for topic, _, _ in late.messages)
    assert len(topics) == {"device": 1, "components": 5, "off": 0}[form]
    assert all(payload and retained for _, payload, retained in late.messages)


def test_a_password_is_needed_and_never_shown(tmp_path, recorder, caplog):
    secret = tmp_path / "users"
    subprocess.run(["mosquitto_passwd", "-b", "-c", secret, "bird", "s3cret word"], check=True)
    broker = Mosquitto(tmp_path, "allow_anonymous false", f"password_file {secret}").start()
    try:
        refused = read_broker(f"mqtt://bird:wr0ng@127.0.0.1:{broker.port}")
        with pytest.raises(Undelivered, match="refuses"):
            MqttLink(refused, Message("x", "y"))
        url = f"mqtt://bird:s3cret%20word@127.0.0.1:{broker.port}"
        MqttLink(read_broker(url), Message("x", "y")).close()
        password = tmp_path / "password"
        password.write_text("s3cret word\n")
        password.chmod(0o600)
        from_file = read_broker(f"mqtt://bird@127.0.0.1:{broker.port}", str(password))
        MqttLink(from_file, Message("x", "y")).close()
    finally:
        broker.kill()
    assert "s3cret" not in caplog.text + repr(from_file) + from_file.shown


@pytest.mark.skipif(shutil.which("openssl") is None, reason="openssl is not installed")
# paho leaves the socket of a refused certificate to the collector.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_tls_is_checked_against_the_certificate_that_is_named(tmp_path, recorder):
    key, certificate = tmp_path / "key.pem", tmp_path / "cert.pem"
    make = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2"]
    names = ["-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost"]
    subprocess.run(
        [*make, *names, "-keyout", key, "-out", certificate], check=True, capture_output=True
    )
    broker = Mosquitto(tmp_path, f"certfile {certificate}", f"keyfile {key}").start()
    try:
        url = f"mqtts://localhost:{broker.port}"
        MqttLink(read_broker(url, ca=str(certificate)), Message("x", "y")).close()
        with pytest.raises(Undelivered, match="certificate"):
            MqttLink(read_broker(url), Message("x", "y"))
    finally:
        broker.kill()


@pytest.mark.skipif(shutil.which("openssl") is None, reason="openssl is not installed")
# As above.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_a_broker_that_asks_for_a_certificate_is_shown_ours(tmp_path, recorder):
    make = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2"]
    names = ["-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost"]
    ours, theirs = tmp_path / "ours.pem", tmp_path / "theirs.pem"
    for file in (ours, theirs):
        key, certificate = tmp_path / "key", tmp_path / "certificate"
        run = [*make, *names, "-keyout", key, "-out", certificate]
        subprocess.run(run, check=True, capture_output=True)
        file.write_bytes(key.read_bytes() + certificate.read_bytes())
    checked = ("require_certificate true", f"cafile {ours}")
    broker = Mosquitto(tmp_path, f"certfile {theirs}", f"keyfile {theirs}", *checked).start()
    try:
        url = f"mqtts://localhost:{broker.port}"
        with pytest.raises(ConfigError, match="chmod 600"):
            read_broker(url, ca=str(theirs), cert=str(ours))
        ours.chmod(0o600)
        MqttLink(read_broker(url, ca=str(theirs), cert=str(ours)), Message("x", "y")).close()
        with pytest.raises(Undelivered):
            MqttLink(read_broker(url, ca=str(theirs)), Message("x", "y"))
        with pytest.raises(ConfigError, match="is for TLS only"):
            read_broker("mqtt://localhost", cert=str(ours))
        certificate.chmod(0o600)
        with pytest.raises(ConfigError, match="expected a certificate and its key"):
            MqttLink(read_broker(url, ca=str(theirs), cert=str(certificate)), Message("x", "y"))
    finally:
        broker.kill()


def test_a_station_that_is_not_there_yet_is_waited_for(tmp_path, broker, subscriber):
    publisher = MqttPublisher(
        Broker(host="127.0.0.1", port=broker.port, node="pi"), "device", (None, None), "1.0"
    )
    crew = Crew([Courier(tmp_path / "later", publisher)])
    crew.start()
    recorder = Recorder(tmp_path / "later")
    recorder.hear(2)
    until(lambda: len(subscriber.ids()) == 2)
    crew.stop()
    recorder.close()
    assert json.loads((tmp_path / "later" / "publish" / "mqtt.json").read_text())["number"] == 2
