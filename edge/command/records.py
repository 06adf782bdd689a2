"""`birdlisten records` and `birdlisten today`: what was reported, all of it, in any form."""

import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta, tzinfo

from edge.command.language import names_of
from edge.command.picture_show import picture_files
from edge.config import Settings
from edge.contract.errors import ConfigError
from edge.contract.text import counted, json_line, visible
from edge.records.explanation import listed
from edge.records.query import Selection, SpeciesDay, count, select, species_named
from edge.records.reader import RecordReader, open_records
from edge.report.forms import FORMS, read_forms
from edge.report.row import Manner, Row, reviewed
from edge.source.header import read_timestamp
from edge.system import clock
from edge.system.days import epoch_ms, midnight, next_midnight
from edge.system.terminal import say, say_row, terminal_columns
from edge.system.zone import local_zone

_WEEK = timedelta(days=7)
_DAYS = {"today": 0, "yesterday": 1}


@dataclass(frozen=True, kw_only=True)
class RecordsRequest:
    """Records that are wanted, and in which form."""

    day: str | None = None
    """A date, `today` or `yesterday`."""
    week: str | None = None
    """The last day of seven."""
    since: str | None = None
    until: str | None = None
    """A date or a moment; local time unless it has an offset. Exclusive."""
    named: str | None = None
    """A species."""
    form: str | None = None
    """None: a line each, for people."""


def show_records(settings: Settings, request: RecordsRequest) -> int:
    """Print the reported records of a time, all of them.

    Raises:
        StoreError: the station has no records.
        ConfigError: a date, a species or a form is unknown.
    """
    forms = read_forms(request.form) if request.form else []
    files = picture_files(settings)
    if len(forms) > 1:
        raise ConfigError("format: one at a time goes to stdout")
    with open_records(settings.station_path, names_of(settings)) as records:
        species = None if request.named is None else species_named(records, request.named)
        rows = rows_of_selection(records, selection_of(request, species))
        if forms:
            FORMS[forms[0]].write(rows, sys.stdout.buffer, Manner())
            return 0
        for row in rows:
            if settings.json:
                say(row.record.to_json(files))
            else:
                say(listed(row.record, None, row.verdict, terminal_columns(sys.stdout)))
    return 0


def show_today(settings: Settings, day: str | None = None) -> int:
    """Print the species of a day: how often, first and last, and those that are new.

    Raises:
        StoreError: the station has no records.
    """
    zone = local_zone()
    begun = _day(day or "today", zone)
    span = Selection(since_ms=epoch_ms(begun), until_ms=epoch_ms(next_midnight(begun)))
    with open_records(settings.station_path, names_of(settings)) as records:
        found = count(records, span)
    if settings.json:
        for species in found:
            say(json_line(_as_told(species)))
        return 0
    total = sum(species.records for species in found)
    say(f"{begun:%Y-%m-%d}: {len(found)} species, {counted(total, 'record')}")
    width = max((len(species.common_name) for species in found), default=0)
    for species in found:
        say_row(_line(species, zone, width))
    return 0


def _line(species: SpeciesDay, zone: tzinfo, width: int) -> str:
    first, last = (_clock(moment, zone) for moment in (species.first_ms, species.last_ms))
    name = f"{visible(species.common_name):{width}}"
    new = "  new here" if species.is_new else ""
    return f"{species.records:6}  {name}  {first} to {last}{new}"


def _as_told(species: SpeciesDay) -> dict[str, object]:
    values = species._asdict()
    first_ms, last_ms = values.pop("first_ms"), values.pop("last_ms")
    return {**values, "first": clock.iso_utc(first_ms), "last": clock.iso_utc(last_ms)}


def rows_of_selection(records: RecordReader, selection: Selection) -> Iterator[Row]:
    """The records of a selection with their verdicts, as they are read."""
    for chunk in select(records, selection):
        yield from reviewed(records, chunk)


def selection_of(request: RecordsRequest, species: Sequence[str] | None = None) -> Selection:
    """The selection of a request's time.

    Raises:
        ConfigError: a date can't be read.
    """
    zone = local_zone()
    since, until = (
        None if text is None else _moment(text, zone) for text in (request.since, request.until)
    )
    if request.day is not None:
        since, until = (day := _day(request.day, zone)), next_midnight(day)
    if request.week is not None:
        until = next_midnight(_day(request.week, zone))
        since = midnight(until.date() - _WEEK, zone)
    return Selection(
        since_ms=None if since is None else epoch_ms(since),
        until_ms=None if until is None else epoch_ms(until),
        species=species,
    )


def _day(text: str, zone: tzinfo) -> datetime:
    """Midnight before a day."""
    if text in _DAYS:
        return midnight(datetime.now(zone).date() - timedelta(days=_DAYS[text]), zone)
    try:
        return midnight(date.fromisoformat(text), zone)
    except ValueError:
        raise ConfigError(
            f"day: {text!r}, expected such as 2026-05-01, today or yesterday"
        ) from None


def _moment(text: str, zone: tzinfo) -> datetime:
    found = read_timestamp(text)
    if found is None:
        return _day(text, zone)
    return found if found.tzinfo else found.replace(tzinfo=zone)


def _clock(moment_ms: int, zone: tzinfo) -> str:
    return f"{datetime.fromtimestamp(moment_ms / 1000, zone):%H:%M}"
