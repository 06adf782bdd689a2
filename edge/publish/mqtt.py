"""Publisher over MQTT: birdnet-go's topics and payloads, and Home Assistant's discovery."""

import json

from edge.publish.broker import Broker
from edge.publish.delivery import FOR_EVER
from edge.publish.discovery import Message, discovery
from edge.publish.history import is_first_of_day, live_sources
from edge.publish.link import MqttLink, check_installed
from edge.publish.payload import Site, to_payload
from edge.publish.queue import Queued
from edge.publish.state import State
from edge.records.detection import Detection
from edge.records.reader import RecordReader

_LEAVE_S = 1.0
_MOST_SOURCES = 16
"""Live sources of which entities are made."""


class MqttPublisher:
    """Receiver of records: a broker.

    Args:
        broker: its address.
        form: of the discovery, see `edge.publish.discovery.FORMS`.
        site: latitude and longitude of the station.
        version: of this program.

    Raises:
        MissingPackageError: paho-mqtt is not installed.
    """

    name = "mqtt"
    patience_s = FOR_EVER

    def __init__(self, broker: Broker, form: str, site: Site, version: str) -> None:
        check_installed()
        self.shown = broker.shown
        self._broker, self._form, self._site, self._version = broker, form, site, version
        self._link: MqttLink | None = None
        self._sources: tuple[str, ...] = ()
        self._announced: tuple[str, ...] | None = None
        """Sources that the broker knows of, since this connection."""

    def look(self, records: RecordReader, state: State) -> None:
        """Nothing is due; the live sources are looked up."""
        if self._announced is None:
            self._sources = live_sources(records, _MOST_SOURCES)

    def prepare(self, records: RecordReader, queued: Queued) -> list[Message]:
        """The messages of a record; that of its source is kept by the broker, as the last one."""
        record = queued.record
        first = is_first_of_day(records, queued)
        payload = json.dumps(to_payload(record, self._site, first))
        self._meet(record)
        own = [Message(self._broker.source_topic(record.source), payload, retain=True)]
        return [Message(self._broker.topic, payload), *(own if _is_live(record) else [])]

    def tend(self) -> None:
        """Be connected, and have told who is here.

        Raises:
            Undelivered: there is no broker.
        """
        if self._link is None or not self._link.is_alive:
            self._leave(0)
            self._link = MqttLink(self._broker, self._status("offline"))
            self._announced = None
        if self._announced != self._sources:
            self._announce(self._link)

    def deliver(self, content: list[Message], state: State) -> State:
        """Publish the messages, one after the other.

        Raises:
            Undelivered: one of them was not acknowledged.
        """
        self.tend()
        assert self._link is not None
        for message in content:
            self._link.send(message)
        return state

    def close(self) -> None:
        """Say `offline`, and go."""
        self._leave(_LEAVE_S)

    def _meet(self, record: Detection) -> None:
        if _is_live(record) and record.source not in self._sources:
            self._sources = (*self._sources, record.source)[-_MOST_SOURCES:]

    def _announce(self, link: MqttLink) -> None:
        sources = self._sources
        for message in discovery(self._broker, sources, self._form, self._version):
            link.send(message)
        link.send(self._status("online"))
        self._announced = sources

    def _leave(self, patience_s: float) -> None:
        link, self._link = self._link, None
        if link is None:
            return
        try:
            if patience_s and link.is_alive:
                link.send(self._status("offline"), patience_s)
        finally:
            link.close()

    def _status(self, text: str) -> Message:
        return Message(self._broker.status_topic, text, retain=True)


def _is_live(record: Detection) -> bool:
    """False of a recording: there may be thousands, and none has sensors of its own."""
    return record.root is None and record.volume is None
