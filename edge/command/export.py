"""`birdlisten export ebird`: confirmed records as checklists, with the time really listened."""

import logging
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, tzinfo
from pathlib import Path

from edge.command.language import english_names
from edge.command.records import RecordsRequest, rows_of_selection, selection_of
from edge.config import Settings
from edge.contract.atomic import write_atomic
from edge.contract.coordinates import Coordinates
from edge.contract.errors import ConfigError
from edge.records.query import listened
from edge.records.reader import RecordReader, open_records, told
from edge.report.ebird import Checklist, to_read, to_upload
from edge.report.row import Row
from edge.system.days import epoch_ms, midnight, next_midnight
from edge.system.terminal import say
from edge.system.zone import local_zone

_LOG = logging.getLogger(__name__)
_MINUTE_MS = 60_000


@dataclass(frozen=True, kw_only=True)
class ExportRequest:
    """Records that are handed on, and where they go."""

    output: Path
    """A folder."""
    location: str = "birdlisten"
    """Name of the place."""
    day: str | None = None
    week: str | None = None
    since: str | None = None
    until: str | None = None


def export_ebird(settings: Settings, request: ExportRequest) -> int:
    """Write checklist.csv, to read, and checklist_upload.csv, as eBird takes it.

    Raises:
        StoreError: the station has no records, or the folder can't be written.
        ConfigError: a date can't be read, or nothing of that time was confirmed.
    """
    zone = local_zone()
    with open_records(settings.station_path, english_names(settings)) as records:
        rows = rows_of_export(records, request)
        checklists = list(
            _checklists(records, rows, settings, location=request.location, zone=zone)
        )
    if not checklists:
        raise ConfigError(
            "export: nothing of that time was confirmed; `birdlisten confirm ID` says that a "
            "record was right"
        )
    with told(request.output):
        request.output.mkdir(parents=True, exist_ok=True)
        for name, text in _files(checklists):
            write_atomic(request.output / name, text.encode())
            say(request.output / name)
    if any(checklist.place is None for checklist in checklists):
        _LOG.warning("without a place: set --latitude and --longitude, or fill it in at eBird")
    return 0


def rows_of_export(records: RecordReader, request: ExportRequest) -> Iterator[Row]:
    """The records of a request's time with their verdicts, as they are read.

    Raises:
        ConfigError: a date can't be read.
    """
    times = {name: getattr(request, name) for name in ("day", "week", "since", "until")}
    return rows_of_selection(records, selection_of(RecordsRequest(**times)))


def _checklists(
    records: RecordReader, rows: Iterator[Row], settings: Settings, location: str, zone: tzinfo
) -> Iterator[Checklist]:
    for (day, place), species in sorted(_grouped(rows, settings, zone).items(), key=_by_day):
        begins = midnight(day, zone)
        spans = listened(records, epoch_ms(begins), epoch_ms(next_midnight(begins)))
        minutes = round(sum(ended - begun for begun, ended in spans) / _MINUTE_MS)
        firsts = [row.moment.astimezone(zone) for row in species.values() if row.moment]
        begun = datetime.fromtimestamp(spans[0][0] / 1000, zone) if spans else min(firsts)
        yield Checklist(
            place=place,
            location=location,
            begun=begun,
            minutes=minutes,
            rows=sorted(species.values(), key=lambda row: row.record.common_name),
        )


def _grouped(
    rows: Iterator[Row], settings: Settings, zone: tzinfo
) -> dict[tuple[date, Coordinates | None], dict[str, Row]]:
    """The first confirmed record of each species of a day and place."""
    found: dict[tuple[date, Coordinates | None], dict[str, Row]] = defaultdict(dict)
    for row in rows:
        if row.moment is None or row.confirmed_name != row.record.common_name:
            continue
        key = row.moment.astimezone(zone).date(), _place(row, settings)
        found[key].setdefault(row.record.species_id, row)
    return found


def _place(row: Row, settings: Settings) -> Coordinates | None:
    """Of the record, else of the station."""
    if row.place or settings.latitude is None or settings.longitude is None:
        return row.place
    return Coordinates(settings.latitude, settings.longitude)


def _files(checklists: list[Checklist]) -> Iterator[tuple[str, str]]:
    yield "checklist.csv", to_read(checklists)
    for number, text in enumerate(to_upload(checklists), 1):
        yield f"checklist_upload{'' if number == 1 else number}.csv", text


def _by_day(group: tuple[tuple[date, Coordinates | None], object]) -> tuple[date, str]:
    (day, place), _ = group
    return day, repr(place)
