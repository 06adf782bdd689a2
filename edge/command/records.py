"""`birdlisten records`: what was reported, all of it, in any form."""

import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta, tzinfo

from edge.command.language import names_of
from edge.command.picture_show import picture_files
from edge.command.today import read_day
from edge.config import Settings
from edge.contract.errors import ConfigError
from edge.records.explanation import listed
from edge.records.query import Selection, select, species_named
from edge.records.reader import RecordReader, open_records
from edge.report.forms import FORMS, read_forms
from edge.report.row import Manner, Row, reviewed
from edge.source.timestamp import read_timestamp
from edge.system.days import epoch_ms, midnight, next_midnight
from edge.system.terminal import say, terminal_columns
from edge.system.zone import local_zone

_WEEK = timedelta(days=7)


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
        since, until = (day := read_day(request.day, zone)), next_midnight(day)
    if request.week is not None:
        until = next_midnight(read_day(request.week, zone))
        since = midnight(until.date() - _WEEK, zone)
    return Selection(
        since_ms=None if since is None else epoch_ms(since),
        until_ms=None if until is None else epoch_ms(until),
        species=species,
    )


def _moment(text: str, zone: tzinfo) -> datetime:
    found = read_timestamp(text)
    if found is None:
        return read_day(text, zone)
    return found if found.tzinfo else found.replace(tzinfo=zone)
