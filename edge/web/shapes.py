"""Records and tallies in the shapes of birdnet-go's API, which other programs read.

Where its server and its clients name a field differently, both names are there.
"""

from dataclasses import dataclass
from datetime import date, datetime, tzinfo
from functools import cache
from pathlib import PurePosixPath
from typing import Any
from urllib.parse import quote

from starlette.requests import HTTPConnection

from edge.contract.errors import ConfigError
from edge.records.comments import Comment, comments
from edge.records.detection import Detection, Picture
from edge.records.inbox import CONFIRMED, REJECTED
from edge.records.moments import first_of
from edge.records.numbers import number_of
from edge.records.reader import RecordReader
from edge.records.sources import SourceState, key_of
from edge.records.statistics import SpeciesTally
from edge.records.tally import SpeciesTotal
from edge.system import clock
from edge.system.days import local
from edge.system.zone import named_zone
from edge.web.events import Hearing
from edge.web.guard import is_guest
from edge.web.media import picture_here
from edge.web.station import StationView, station_of

SURE = 0.8
"""Confidence that counts as high."""
VERIFIED = {CONFIRMED: "correct", REJECTED: "false_positive", None: "unverified"}
_DAY_MS = 86_400_000


@dataclass(frozen=True)
class Shaper:
    """Makes the shapes for one request.

    Args:
        station: that is looked at.
        records: of it.
        base: URL of the server, without a slash at its end.
        guest: who may not know where a stream comes from.
    """

    station: StationView
    records: RecordReader
    base: str
    guest: bool

    def detections(self, found: list[Detection]) -> list[dict[str, Any]]:
        """Records in their order."""
        ids = [record.id for record in found]
        verdicts = self.records.verdicts(ids)
        said = {} if self.guest else comments(self.station.path, ids)
        first = cache(lambda species: first_of(self.records, species))
        return [
            {
                **self._detection(record, verdict and verdict[0], first(record.species_id)),
                "comments": [_comment(words) for words in said.get(record.id, ())],
            }
            for record, verdict in zip(found, verdicts, strict=True)
        ]

    def day(self, tally: SpeciesTally, zone: tzinfo) -> dict[str, Any]:
        """A species of a day."""
        return {
            **self._named(tally),
            "hourly_counts": list(tally.hours),
            "high_confidence": tally.best >= SURE,
            "max_confidence": tally.best,
            "first_heard": _at(tally.first_ms, zone, "%H:%M:%S"),
            "latest_heard": _at(tally.last_ms, zone, "%H:%M:%S"),
            "is_new_species": tally.is_new,
        }

    def total(self, tally: SpeciesTally, zone: tzinfo) -> dict[str, Any]:
        """A species of all time."""
        return {
            **self._named(tally),
            "first_heard": _at(tally.first_ms, zone, "%Y-%m-%d %H:%M:%S"),
            "last_heard": _at(tally.last_ms, zone, "%Y-%m-%d %H:%M:%S"),
            "avg_confidence": round(tally.mean, 4),
            "max_confidence": tally.best,
        }

    def new(self, species: SpeciesTotal, first: date, records: int) -> dict[str, Any]:
        """A species that was first heard within some days, with the count of its records there."""
        return {
            "scientific_name": species.scientific_name,
            "common_name": species.common_name,
            "first_heard_date": str(first),
            "thumbnail_url": self._picture_url(species.scientific_name),
            "count_in_period": records,
        }

    def source(self, state: SourceState, is_heard: bool) -> dict[str, Any]:
        """A source, which guests know by its key only."""
        return {
            **self._source(state.name),
            "name": self._source(state.name)["displayName"],
            "state": "active" if is_heard else "inactive",
        }

    def _detection(
        self, record: Detection, verdict: str | None, first_ms: int | None
    ) -> dict[str, Any]:
        begun_ms = None if record.detected_at is None else clock.milliseconds(record.detected_at)
        return {
            "id": number_of(record.id),
            "uuid": record.id,
            **self._time(record, begun_ms),
            "source": self._source(record.source),
            "scientificName": record.scientific_name,
            "commonName": record.common_name,
            "speciesCode": record.species_id,
            "confidence": record.confidence,
            "latitude": None if self.guest else record.latitude,
            "longitude": None if self.guest else record.longitude,
            "clipName": record.clip and PurePosixPath(record.clip).name,
            "modelType": "bird",
            "verified": VERIFIED.get(verdict, "unverified"),
            "locked": False,
            "unlikely": False,
            "eventType": "new_detection",
            "isNewSpecies": begun_ms is not None and begun_ms == first_ms,
            "daysSinceFirstSeen": (begun_ms - first_ms) // _DAY_MS if begun_ms and first_ms else 0,
            "birdImage": self._picture(record),
        }

    def _time(self, record: Detection, begun_ms: int | None) -> dict[str, Any]:
        """Date and time in the recorder's own zone; of an undated record none."""
        if begun_ms is None:
            return {"date": "", "time": "", "timestamp": None, "beginTime": None, "endTime": None}
        zone = _zone(record.time_zone) or self.station.zone
        begun = local(begun_ms, zone)
        ended = local(begun_ms + round((record.end_s - record.start_s) * 1000), zone)
        return {
            "date": f"{begun:%Y-%m-%d}",
            "time": f"{begun:%H:%M:%S}",
            "timestamp": begun.isoformat(timespec="milliseconds"),
            "beginTime": begun.isoformat(timespec="milliseconds"),
            "endTime": ended.isoformat(timespec="milliseconds"),
        }

    def _source(self, name: str) -> dict[str, Any]:
        kind = "stream" if "://" in name else "audio"
        return {"id": key_of(name), "type": kind, "displayName": _shown(name, self.guest)}

    def _picture(self, record: Detection) -> dict[str, Any] | None:
        """The nearest picture that lies here, with its credit under the names of both sides."""
        shown = picture_here(self.station, record.pictures)
        return None if shown is None else self._credited(shown, record.scientific_name)

    def _credited(self, picture: Picture, scientific_name: str) -> dict[str, Any]:
        return {
            "url": self._picture_url(scientific_name),
            "scientificName": scientific_name,
            "licenseName": picture.licence,
            "license": picture.licence,
            "licenseURL": "",
            "licenseUrl": "",
            "authorName": picture.author,
            "attribution": picture.author,
            "authorURL": picture.url or "",
            "sourceProvider": "birdlisten",
        }

    def _named(self, tally: SpeciesTally) -> dict[str, Any]:
        return {
            "scientific_name": tally.scientific_name,
            "common_name": tally.common_name,
            "species_code": tally.species_id,
            "count": tally.records,
            "thumbnail_url": self._picture_url(tally.scientific_name),
        }

    def _picture_url(self, scientific_name: str) -> str:
        return _picture_url(self.base, scientific_name)


def shaper(request: HTTPConnection, records: RecordReader) -> Shaper:
    """The shaper of a request, whose pictures are reached as the client has reached us."""
    return Shaper(station_of(request), records, _base(request), is_guest(request))


def pending(request: HTTPConnection, hearing: Hearing) -> list[dict[str, Any]]:
    """Species that are being heard, confirmed or not yet; the records are not asked for."""
    base, guest = _base(request), is_guest(request)
    return [
        {
            "species": heard.common_name,
            "scientificName": heard.scientific_name,
            "speciesCode": heard.species_id,
            "thumbnail": _picture_url(base, heard.scientific_name),
            "status": "approved" if heard.confirmed else "active",
            "firstDetected": heard.since_ms // 1000,
            "source": _shown(source, guest),
            "sourceID": key_of(source),
            "confidence": heard.confidence,
            "hits": heard.hits,
            "hitsNeeded": heard.hits_needed,
        }
        for source, heard in hearing
    ]


def _base(request: HTTPConnection) -> str:
    scope, config = request.scope, request.app.state.config
    base: str = config.public_url or f"{scope['scheme']}://{scope['seen_host']}{scope['prefix']}"
    return base.rstrip("/")


def _picture_url(base: str, scientific_name: str) -> str:
    return f"{base}/api/v2/media/image/{quote(scientific_name, safe='')}"


def _comment(words: Comment) -> dict[str, Any]:
    at = clock.iso_utc(words.said_at)
    return {"id": words.number, "entry": words.text, "createdAt": at, "updatedAt": at}


def _shown(source: str, guest: bool) -> str:
    """The name of a source, of which guests know the key only."""
    return key_of(source) if guest else source


def _at(moment_ms: int | None, zone: tzinfo, form: str) -> str | None:
    return None if moment_ms is None else format(local(moment_ms, zone), form)


@cache
def _zone(name: str) -> tzinfo | None:
    try:
        return named_zone(name)
    except ConfigError:
        return None


def iso(moment: datetime) -> str:
    """ISO 8601 with whole seconds."""
    return moment.isoformat(timespec="seconds")
