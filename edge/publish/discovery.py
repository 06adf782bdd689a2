"""Discovery by Home Assistant: configurations of the recorder's entities, in two forms."""

import json
from collections.abc import Sequence
from typing import Any, NamedTuple

from edge.publish.broker import Broker, source_key

PREFIX = "homeassistant"
FORMS = ("device", "components", "off")
"""One payload for the whole device (Home Assistant from 2024.12 on), one for each entity, none."""


class Message(NamedTuple):
    """Message of MQTT."""

    topic: str
    payload: str
    retain: bool = False


_SENSORS: dict[str, dict[str, Any]] = {
    "species": {
        "name": "Last species",
        "icon": "mdi:bird",
        "value_template": "{{ value_json.CommonName }}",
    },
    "scientific_name": {
        "name": "Scientific name",
        "icon": "mdi:format-quote-close",
        "value_template": "{{ value_json.ScientificName }}",
    },
    "confidence": {
        "name": "Confidence",
        "icon": "mdi:percent",
        "unit_of_measurement": "%",
        "state_class": "measurement",
        "value_template": "{{ (value_json.Confidence * 100) | round(1) }}",
    },
    "heard": {
        "name": "Last heard",
        "device_class": "timestamp",
        "value_template": "{{ value_json.detectedAt | default(None) }}",
    },
}
"""Each reads the topic of its source, so that one source never empties the sensors of another."""


def discovery(broker: Broker, sources: Sequence[str], form: str, version: str) -> list[Message]:
    """The retained messages that make the entities known; the other form's are taken away.

    Args:
        broker: where they are published.
        sources: names of the live sources.
        form: of `FORMS`.
        version: of this program.
    """
    entities = _entities(broker, sources)
    device, origin = _device(broker, version), _origin(version)
    whole = {"device": device, "origin": origin, "components": entities}
    messages = [_message(_device_topic(broker), whole if form == "device" else None)]
    for key, entity in entities.items():
        config = {name: value for name, value in entity.items() if name != "platform"}
        alone = {**config, "device": device, "origin": origin}
        topic = f"{PREFIX}/{entity['platform']}/{broker.node}/{key}/config"
        messages.append(_message(topic, alone if form == "components" else None))
    # What is taken away goes first: an entity that two messages define is refused.
    return sorted(messages, key=lambda message: bool(message.payload))


def _device_topic(broker: Broker) -> str:
    return f"{PREFIX}/device/{_own(broker)}/config"


def _message(topic: str, content: dict[str, Any] | None) -> Message:
    return Message(topic, "" if content is None else json.dumps(content), retain=True)


def _own(broker: Broker) -> str:
    return f"birdlisten_{broker.node}"


def _entities(broker: Broker, sources: Sequence[str]) -> dict[str, dict[str, Any]]:
    entities = {"status": _status(broker)}
    for source in sources:
        for sensor in _SENSORS:
            key = f"{broker.node}_{source_key(source)}_{sensor}"
            entities[key] = _sensor(broker, source, sensor, named=len(sources) > 1)
    return entities


def _status(broker: Broker) -> dict[str, Any]:
    return {
        "platform": "binary_sensor",
        "name": "Status",
        "unique_id": f"{_own(broker)}_status",
        "state_topic": broker.status_topic,
        "payload_on": "online",
        "payload_off": "offline",
        "device_class": "connectivity",
        "entity_category": "diagnostic",
    }


def _sensor(broker: Broker, source: str, sensor: str, named: bool) -> dict[str, Any]:
    config = _SENSORS[sensor]
    topic = broker.source_topic(source)
    attributes = {"json_attributes_topic": topic} if sensor == "species" else {}
    return {
        "platform": "sensor",
        **config,
        "name": f"{source}: {config['name']}" if named else config["name"],
        "unique_id": f"{_own(broker)}_{source_key(source)}_{sensor}",
        "state_topic": topic,
        "availability_topic": broker.status_topic,
        **attributes,
    }


def _device(broker: Broker, version: str) -> dict[str, Any]:
    return {
        "identifiers": [_own(broker)],
        "name": f"birdlisten {broker.node}",
        "manufacturer": "birdlisten",
        "model": "Bird listener",
        "sw_version": version,
    }


def _origin(version: str) -> dict[str, str]:
    return {"name": "birdlisten", "sw_version": version}
