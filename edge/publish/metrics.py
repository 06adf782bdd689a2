"""Metrics for Prometheus (extra `metrics`): read from the records when they are asked for."""

import logging
import threading
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from edge.contract.errors import ConfigError, MissingPackageError, StoreError, in_words
from edge.publish import queue
from edge.publish.courier import Courier
from edge.publish.queue import Place
from edge.records.reader import RecordReader, open_records, told
from edge.records.schema import FILE_NAME, log_of
from edge.system.address import host_and_port

if TYPE_CHECKING:
    from prometheus_client.core import Metric

_LOG = logging.getLogger(__name__)
_NEWEST_SPANS = 64
"""Of listening, among which is the one that goes on."""


class StationMetrics:
    """Collector of a station's metrics.

    Args:
        station: the station's folder, which may not be there yet.
        couriers: of the receivers.
        version: of this program.
        by_species: count each species, too.
    """

    def __init__(
        self, station: Path, couriers: Sequence[Courier[Any]], version: str, by_species: bool
    ) -> None:
        self._station, self._couriers, self._version = station, couriers, version
        self._by_species = by_species
        self._detections = DetectionCount()
        self._lock = threading.Lock()

    def collect(self) -> "Iterator[Metric]":
        """The metrics as they are now; of a station that can't be read, that it can't."""
        from prometheus_client.core import GaugeMetricFamily, InfoMetricFamily

        yield InfoMetricFamily(
            "birdlisten", "Version of the program.", value={"version": self._version}
        )
        yield from self._deliveries()
        try:
            with self._lock, open_records(self._station) as records:
                queue.check_schema(records)
                found = [*self._of_station(records)]
        except StoreError as error:
            _LOG.debug("metrics: %s", error)
            found = []
        yield from found
        readable = "1 if the records can be read."
        yield GaugeMetricFamily("birdlisten_station_readable", readable, value=bool(found))

    def describe(self) -> "list[Metric]":
        """Nothing is collected to register it."""
        return []

    def _of_station(self, records: RecordReader) -> "Iterator[Metric]":
        from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily

        self._detections.count(records)
        labels = ["scientific_name"] if self._by_species else []
        counted = CounterMetricFamily("birdlisten_detections", "Reported records.", labels=labels)
        for name, count in self._detections.by_species.items() if self._by_species else ():
            counted.add_metric([name], count)
        if not self._by_species:
            counted.add_metric([], self._detections.by_species.total())
        yield counted
        for name, text, value in _gauges(records):
            if value is not None:
                yield GaugeMetricFamily(name, text, value=value)
        yield self._depths(records)

    def _depths(self, records: RecordReader) -> "Metric":
        from prometheus_client.core import GaugeMetricFamily

        text = "Records that wait for a receiver."
        depths = GaugeMetricFamily("birdlisten_publish_queue_records", text, labels=["receiver"])
        for courier in self._couriers:
            if courier.place is not None:
                depth = queue.depth(records, queue.found_again(records, courier.place))
                depths.add_metric([courier.receiver.name], depth)
        return depths

    def _deliveries(self) -> "Iterator[Metric]":
        from prometheus_client.core import CounterMetricFamily

        for name, text in (
            ("delivered", "Acknowledged by a receiver since the start."),
            ("failed", "Left out after a refusal since the start."),
            ("retried", "Attempts that were not acknowledged since the start."),
        ):
            family = CounterMetricFamily(f"birdlisten_publish_{name}", text, labels=["receiver"])
            for courier in self._couriers:
                family.add_metric([courier.receiver.name], getattr(courier.tally, name))
            yield family


class DetectionCount:
    """Count of the reported records by species, which looks at each record once."""

    def __init__(self) -> None:
        self.by_species = Counter[str]()
        self._place = Place()

    def count(self, records: RecordReader) -> None:
        """Count what was written since; all, where records were replaced."""
        if queue.found_again(records, self._place) != self._place:
            self.by_species.clear()
            self._place = Place()
        end = queue.newest(records)
        query = (
            "SELECT scientific_name, count(*) FROM kept_records JOIN species "
            "ON species.number = species WHERE kept_records.number > ? "
            "AND kept_records.number <= ? AND rejected IS NULL GROUP BY scientific_name"
        )
        with told(records.path):
            for name, count in records.database.execute(query, (self._place.number, end.number)):
                self.by_species[name] += count
        self._place = end


def serve(address: str, metrics: StationMetrics) -> None:
    """Answer Prometheus at HOST:PORT, in threads that end with the process.

    Raises:
        ConfigError: the address can't be used.
        MissingPackageError: prometheus-client is not installed.
    """
    try:
        from prometheus_client import CollectorRegistry, start_http_server
    except ImportError as error:
        raise MissingPackageError(
            "metrics: needs prometheus-client: pip install 'birdlisten[metrics]'"
        ) from error
    registry = CollectorRegistry(auto_describe=False)
    registry.register(metrics)
    host, port = host_and_port("metrics", address)
    try:
        start_http_server(port, host, registry)
    except OSError as error:
        raise ConfigError(f"metrics: {address}: {in_words(error)}; name another port") from error


def _gauges(records: RecordReader) -> list[tuple[str, str, float | None]]:
    return [
        (
            "birdlisten_last_detection_timestamp_seconds",
            "Moment of the newest reported record.",
            _seconds(
                records,
                "SELECT detected_at FROM kept_records WHERE rejected IS NULL "
                "AND detected_at NOT NULL ORDER BY detected_at DESC LIMIT 1",
            ),
        ),
        (
            "birdlisten_listened_until_timestamp_seconds",
            "Moment up to which a live source was heard, told every five minutes.",
            _seconds(
                records,
                "SELECT max(ended_ms) FROM (SELECT ended_ms FROM listened "
                f"ORDER BY begun_ms DESC LIMIT {_NEWEST_SPANS})",
            ),
        ),
        ("birdlisten_database_bytes", "Size of the records and their log.", _bytes(records)),
    ]


def _seconds(records: RecordReader, query: str) -> float | None:
    with told(records.path):
        row = records.database.execute(query).fetchone()
    return None if row is None or row[0] is None else row[0] / 1000


def _bytes(records: RecordReader) -> float:
    file = records.station / FILE_NAME
    return sum(path.stat().st_size for path in (file, log_of(file)) if path.exists())
