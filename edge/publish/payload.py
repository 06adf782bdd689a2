"""Payload of a detection over MQTT, with the names that birdnet-go's has."""

from typing import Any

from edge.publish.broker import source_key
from edge.records.detection import Detection
from edge.records.numbers import number_of

Site = tuple[float | None, float | None]
"""Latitude and longitude in degrees."""


def to_payload(record: Detection, site: Site, is_first_of_day: bool) -> dict[str, Any]:
    """The fields of birdnet-go as far as they are known here, then our own.

    Args:
        record: what was detected.
        site: of the station; a record may know better.
        is_first_of_day: nothing of the species was reported before on its day.
    """
    moment = record.local_time()
    latitude, longitude = site if record.latitude is None else (record.latitude, record.longitude)
    fields = {
        "Date": "" if moment is None else f"{moment:%Y-%m-%d}",
        "Time": "" if moment is None else f"{moment:%H:%M:%S}",
        "CommonName": record.common_name,
        "ScientificName": record.scientific_name,
        "Confidence": round(min(max(record.confidence, 0.0), 1.0), 4),
        "Latitude": latitude,
        "Longitude": longitude,
        "ClipName": record.clip or "",
        "ProcessingTime": 0,
        "detectionId": number_of(record.id),
        "sourceId": source_key(record.source),
        "sourceName": record.source,
        "BirdImage": _picture(record),
        "modelName": record.bundle,
        "modelVersion": record.model_id[:12],
        "timezone": record.time_zone,
        "id": record.id,
        "detectedAt": record.detected_at,
        "isFirstOfDay": is_first_of_day,
    }
    return {name: value for name, value in fields.items() if value is not None}


def picture_url(record: Detection) -> str | None:
    """The web address of the nearest picture that has one."""
    return next((picture.url for picture in record.pictures if picture.url), None)


def _picture(record: Detection) -> dict[str, str] | None:
    """A subscriber knows nothing of our files: only a picture with an address is told."""
    for picture in record.pictures:
        if picture.url:
            return {
                "URL": picture.url,
                "ScientificName": record.scientific_name,
                "LicenseName": picture.licence,
                "LicenseURL": "",
                "AuthorName": picture.author,
                "AuthorURL": "",
            }
    return None
