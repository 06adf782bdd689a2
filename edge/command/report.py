"""`birdlisten report`: a day or a week as one page of HTML, to look at and to send."""

from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from edge.command.language import names_of
from edge.command.picture_show import picture_files
from edge.command.records import RecordsRequest, selection_of
from edge.config import Settings
from edge.contract.atomic import write_atomic
from edge.records.detection import Picture
from edge.records.picture_files import PictureFiles
from edge.records.reader import open_records, told
from edge.report.health import listening_health
from edge.report.page import to_page
from edge.report.summary import summarise
from edge.system import clock
from edge.system.terminal import say
from edge.system.zone import local_zone

_MOST_BYTES = 2_000_000
"""Of a picture that is put into the page."""


@dataclass(frozen=True, kw_only=True)
class ReportRequest:
    """A span of time, and where its page goes."""

    output: Path
    day: str | None = None
    """A date, `today` or `yesterday`."""
    week: str | None = None
    """The last day of seven."""


def report(settings: Settings, request: ReportRequest) -> int:
    """Write the page of a day (today, unless another is named) or of a week.

    Raises:
        StoreError: the station has no records, or the page can't be written.
        ConfigError: a date can't be read.
    """
    day = request.day or (None if request.week else "today")
    selection = selection_of(RecordsRequest(day=day, week=request.week))
    files = picture_files(settings)
    with open_records(settings.station_path, names_of(settings)) as records:
        species = summarise(records, selection, local_zone())
        health = listening_health(records, selection, clock.now_ms())
    span = f"the week to {request.week}" if request.week else str(day)
    made = clock.now().astimezone(local_zone())
    page = to_page(
        f"Birds of {span}",
        species,
        health=health,
        picture=lambda picture: _jpeg(picture, files),
        made=made,
    )
    with told(request.output):
        request.output.parent.mkdir(parents=True, exist_ok=True)
        write_atomic(request.output, page.encode())
    say(request.output)
    return 0


def _jpeg(picture: Picture, files: PictureFiles) -> bytes | None:
    """The picture's file, where it is here."""
    with suppress(OSError):
        path = files.path(picture)
        if path and path.stat().st_size <= _MOST_BYTES:
            return path.read_bytes()
    return None
