"""Addresses of brokers, and names in topics and discovery."""

import json

import pytest

from edge.contract.errors import ConfigError
from edge.publish.broker import Broker, plain, read_broker, source_key
from edge.publish.discovery import discovery

BROKER = Broker(host="h", port=1, node="pi")


def test_a_url_says_everything():
    found = read_broker("mqtts://bird:p%40ss@h.local:18883/garden/birds", name="Pi in the Garden")
    assert (found.host, found.port, found.topic, found.tls) == (
        *("h.local", 18883),
        *("garden/birds", True),
    )
    assert (found.user, found.password, found.node) == ("bird", "p@ss", "Pi_in_the_Garden")
    assert "p@ss" not in f"{found!r}{found.shown}"


def test_what_lacks_is_what_birdnet_go_has():
    found = read_broker("mqtt://h")
    assert (found.port, found.topic, found.tls, found.user) == (1883, "birdnet", False, None)


@pytest.mark.parametrize(
    "url",
    [
        *("", "h:1883", "http://h", "mqtt://", "mqtt://h:99999", "mqtt://h/a/#"),
        *("mqtt://h/+/b", "mqtt://user:secret@h:x/t", "mqtt://h?topic=x"),
    ],
)
def test_what_is_no_broker_is_refused_without_its_password(url):
    with pytest.raises(ConfigError) as caught:
        read_broker(url)
    assert "mqtt" in str(caught.value)
    assert "secret" not in str(caught.value)


def test_a_password_that_others_can_read_is_refused(tmp_path):
    file = tmp_path / "password"
    file.write_text("s3cret\n")
    file.chmod(0o644)
    with pytest.raises(ConfigError, match="chmod 600"):
        read_broker("mqtt://h", str(file))


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("USB Audio", "USB_Audio"),
        ("a//b", "a_b"),
        ("__", "unknown"),
        ("Café", "Caf"),
        ("a-b", "a-b"),
    ],
)
def test_names_in_topics_are_birdnet_gos(name, expected):
    assert plain(name) == expected


def test_sources_that_look_alike_have_topics_of_their_own():
    names = ["a b", "a_b", "a/b", "status", "soundlevel", "", "é", "è"]
    assert len({source_key(name) for name in names}) == len(names)
    assert source_key("a_b") == "a_b"
    assert BROKER.source_topic("status") != BROKER.status_topic


def test_one_payload_makes_the_whole_device_known():
    messages = [found for found in discovery(BROKER, ["USB Audio", "cam"], "device", "1.0")]
    kept = [message for message in messages if message.payload]
    assert [message.topic for message in kept] == ["homeassistant/device/birdlisten_pi/config"]
    assert all(message.retain for message in messages)
    content = json.loads(kept[0].payload)
    assert content["device"]["identifiers"] == ["birdlisten_pi"]
    assert content["origin"]["name"] == "birdlisten"
    parts = content["components"].values()
    assert len(parts) == 9
    assert len({part["unique_id"] for part in parts}) == 9
    assert {part["platform"] for part in parts} == {"sensor", "binary_sensor"}
    topics = {part["state_topic"] for part in parts}
    assert topics == {"birdnet/status", "birdnet/cam", BROKER.source_topic("USB Audio")}


def test_the_older_form_has_a_payload_for_each_entity_and_the_same_ids():
    def ids(form):
        found = [json.loads(m.payload) for m in discovery(BROKER, ["cam"], form, "1") if m.payload]
        parts = found[0]["components"].values() if form == "device" else found
        return {part["unique_id"] for part in parts}

    assert ids("device") == ids("components")
    assert ids("off") == set()
    topics = [m.topic for m in discovery(BROKER, ["cam"], "components", "1") if m.payload]
    assert "homeassistant/binary_sensor/pi/status/config" in topics
    assert "homeassistant/sensor/pi/pi_cam_species/config" in topics


def test_the_form_that_is_not_chosen_is_taken_away_first():
    payloads = [bool(m.payload) for m in discovery(BROKER, ["cam"], "components", "1")]
    assert payloads == sorted(payloads)
    assert payloads[0] is False
