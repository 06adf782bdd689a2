"""Webhook: notifications posted as JSON, each until the server has taken or refused it."""

import hashlib
import json
from typing import Any

from edge.publish.delivery import FOR_EVER, Undeliverable, Undelivered
from edge.publish.notification import News
from edge.publish.post import post, read_url
from edge.publish.weekly import WeeklyReport
from edge.records.detection import Detection
from edge.records.numbers import number_of
from edge.system import clock
from edge.system.redaction import redacted

_AGAIN = (408, 429)
"""Refusals that are none for ever."""
_MOST_LISTED = 5
"""Pictures and rivals of a record."""
_MOST_BYTES = 65_536
_MOST_SPECIES = 300
"""Of a week."""


class Webhook:
    """A web address that takes notifications.

    Args:
        url: http:// or https://, with user and password if need be.
        version: of this program.

    Raises:
        ConfigError: it is no web address.
    """

    patience_s = FOR_EVER

    def __init__(self, url: str, version: str) -> None:
        read_url(url, "webhook")
        self._url, self._agent = url, f"birdlisten/{version}"
        self.name = f"webhook-{hashlib.sha256(url.encode()).hexdigest()[:8]}"
        self.shown = redacted(url)

    def send(self, news: News) -> None:
        """Post it.

        Raises:
            Undelivered: no answer, a fault of the server, or it wants to be asked again.
            Undeliverable: the server refuses it.
        """
        headers = {"Content-Type": "application/json", "User-Agent": self._agent}
        answer = post(self._url, to_body(news), headers)
        if 200 <= answer.status < 300:
            return
        if 300 <= answer.status < 400:
            raise Undelivered(f"leads elsewhere ({answer.status}), where nothing is posted to")
        if 400 <= answer.status < 500 and answer.status not in _AGAIN:
            raise Undeliverable(f"refused ({answer.status})")
        raise Undelivered(f"answers {answer.status}", answer.after_s)


def to_body(news: News) -> bytes:
    """The JSON object of a notification, of bounded size."""
    content = _of_week(news) if isinstance(news, WeeklyReport) else _of_record(news.record)
    if not isinstance(news, WeeklyReport):
        content |= {"reason": news.reason, "triggers": [found.trigger for found in news.reasons]}
    body = json.dumps(content).encode()
    if len(body) > _MOST_BYTES and "detection" in content:
        content["detection"] |= {"pictures": [], "top": []}
        body = json.dumps(content).encode()
    return body


def _of_record(record: Detection) -> dict[str, Any]:
    detection = record.to_dict()
    for name in ("pictures", "top"):
        detection[name] = list(detection[name])[:_MOST_LISTED]
    return {"event": "detection", "detectionId": number_of(record.id), "detection": detection}


def _of_week(report: WeeklyReport) -> dict[str, Any]:
    begun, ended = (round(moment.timestamp() * 1000) for moment in report[:2])
    return {
        "event": "weekly",
        "since": clock.iso_utc(begun),
        "until": clock.iso_utc(ended),
        "title": report.title,
        "species": [
            {
                "species_id": found.species_id,
                "scientific_name": found.scientific_name,
                "common_name": found.common_name,
                "records": found.records,
                "is_new": found.is_new,
            }
            for found in report.species[:_MOST_SPECIES]
        ],
    }
