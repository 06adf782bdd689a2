"""`birdlisten today`: the species of a day."""

from datetime import date, datetime, timedelta, tzinfo

from edge.command.language import names_of
from edge.config import Settings
from edge.contract.errors import ConfigError
from edge.contract.text import counted, json_line, visible
from edge.records.query import Selection, SpeciesDay, count
from edge.records.reader import open_records
from edge.system import clock
from edge.system.days import epoch_ms, midnight, next_midnight
from edge.system.terminal import say, say_row
from edge.system.zone import local_zone

_DAYS = {"today": 0, "yesterday": 1}


def show_today(settings: Settings, day: str | None = None) -> int:
    """Print the species of a day: how often, first and last, and those that are new.

    Raises:
        StoreError: the station has no records.
    """
    zone = local_zone()
    begun = read_day(day or "today", zone)
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


def read_day(text: str, zone: tzinfo) -> datetime:
    """Midnight before a day: a date, `today` or `yesterday`.

    Raises:
        ConfigError: it is none.
    """
    if text in _DAYS:
        return midnight(datetime.now(zone).date() - timedelta(days=_DAYS[text]), zone)
    try:
        return midnight(date.fromisoformat(text), zone)
    except ValueError:
        raise ConfigError(
            f"day: {text!r}, expected such as 2026-05-01, today or yesterday"
        ) from None


def _clock(moment_ms: int, zone: tzinfo) -> str:
    return f"{datetime.fromtimestamp(moment_ms / 1000, zone):%H:%M}"
