"""Media of a record by its id: its clip, the spectrogram beside it, a picture of its species.

A path is never taken from a request: it is the record that says where its clip lies, and nothing
outside the folders of station and bundle is given.
"""

from collections.abc import Sequence
from pathlib import Path

from starlette.responses import JSONResponse, Response

from edge.records.detection import Detection, Picture
from edge.records.reader import RecordReader
from edge.records.search import RecordSearch, found
from edge.web.files import clip_file, sent, spectrogram_of
from edge.web.station import StationView

_RECORDS = 20
"""Newest of a species that are looked through for a picture."""


def clip(station: StationView, record: Detection) -> Response:
    """The sound of a record, whole or in parts (Range); 404 without one."""
    return _answer(clip_file(station.path, record.clip))


def spectrogram(station: StationView, record: Detection) -> Response:
    """The spectrogram that was written with a clip; 404 without one."""
    return _answer(spectrogram_of(clip_file(station.path, record.clip)))


def picture(station: StationView, records: RecordReader, species_id: str) -> Response:
    """The picture that was nearest to the newest sound of a species; 404 without one."""
    shown = picture_of_species(station, records, species_id)
    return _answer(None if shown is None else picture_file(station, shown))


def picture_of_species(
    station: StationView, records: RecordReader, species_id: str
) -> Picture | None:
    """The picture of a species that lies here: of its newest record that has one."""
    newest = found(records, RecordSearch(species=[species_id]), _RECORDS).records
    shown = (picture_here(station, record.pictures) for record in newest)
    return next((picture for picture in shown if picture), None)


def picture_here(station: StationView, pictures: Sequence[Picture]) -> Picture | None:
    """The nearest of a record's pictures whose file lies here."""
    return next((picture for picture in pictures if picture_file(station, picture)), None)


def picture_file(station: StationView, picture: Picture) -> Path | None:
    """The file of a picture in the bundle or the station; None if only its URL is known."""
    return station.pictures.path(picture)


def _answer(path: Path | None) -> Response:
    return JSONResponse({"error": "there is none"}, 404) if path is None else sent(path)
