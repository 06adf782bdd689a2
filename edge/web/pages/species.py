"""The pages of species: all that were heard, and each with its pictures and its history."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime, timedelta, tzinfo
from urllib.parse import quote

from starlette.requests import Request
from starlette.responses import Response

from edge.records.browsing import browse
from edge.records.detection import Picture
from edge.records.moments import first_of, last_of
from edge.records.reader import RecordReader
from edge.records.search import RecordSearch
from edge.records.tally import SpeciesTotal, hours, totals
from edge.system.days import local, span_ms, today
from edge.web.pages.adding import last_addition, told_of_undo
from edge.web.pages.charts import HOURS, Bar, bars, weeks
from edge.web.pages.pictures import PictureView, picture_view
from edge.web.pages.record import missing
from edge.web.pages.rendering import page
from edge.web.pages.shown import gallery_pictures
from edge.web.pages.views import MatchView, SpeciesName, matches, named
from edge.web.station import StationView, station_of

_WEEKS, _YEAR_DAYS, _RECENT, _PICTURES = 52, 364, 6, 8
_ORDERS = {"records": "Most records", "last": "Heard last", "name": "By name"}
_LINKS = {
    "Wikipedia": "https://en.wikipedia.org/wiki/",
    "xeno-canto": "https://xeno-canto.org/explore?query=",
    "GBIF": "https://www.gbif.org/species/search?q=",
}


@dataclass(frozen=True)
class SpeciesCard:
    """A species in the list of all."""

    name: SpeciesName
    records: int
    last: datetime | None
    picture: PictureView


@dataclass(frozen=True)
class History:
    """Times at which a species was heard here."""

    first: datetime | None
    last: datetime | None
    days: int
    """Of the last 52 weeks, on which it was heard."""
    hours: list[Bar]
    """Of the last 52 weeks."""
    weeks: list[Bar]
    silent_days: int | None
    """Since it was heard last."""

    @property
    def busiest(self) -> Bar | None:
        """The hour with the most records."""
        best = max(self.hours, key=lambda bar: bar.records)
        return best if best.records else None


def show_list(request: Request) -> Response:
    """All species that were reported here."""
    station = station_of(request)
    order = request.query_params.get("sort", "records")
    with station.records() as reader:
        found = totals(reader)
        cards = [_card(station, reader, species) for species in found]
    return page(
        request,
        "species",
        title="Species",
        cards=_sorted(cards, order),
        records=sum(card.records for card in cards),
        orders=_ORDERS,
        order=order if order in _ORDERS else "records",
    )


def show_species(request: Request) -> Response:
    """A species."""
    station, species_id = station_of(request), request.path_params["id"]
    with station.records() as reader:
        found = next((s for s in totals(reader) if s.species_id == species_id), None)
        name = named(*found[:3]) if found else _known(station, species_id)
        if name is None:
            return missing(request)
        records = browse(reader, RecordSearch(species=[species_id]), most=_RECENT).records
        recent = matches(station, reader, records)
        return page(
            request,
            "one_species",
            title=name.common,
            name=name,
            records=found.records if found else 0,
            pictures=_pictures(station, name, recent),
            history=_history(reader, species_id, station.zone),
            recent=recent,
            added_last=last_addition(station, species_id),
            undone=told_of_undo(request),
            links=[(label, start + quote(name.scientific)) for label, start in _LINKS.items()],
        )


def _known(station: StationView, species_id: str) -> SpeciesName | None:
    """A species that the bundle listens for, and nobody heard yet."""
    species = station.bundle.taxonomy.by_id().get(species_id)
    if species is None:
        return None
    return named(species_id, species.scientific_name, species.common_name)


def _card(station: StationView, reader: RecordReader, species: SpeciesTotal) -> SpeciesCard:
    last_ms = last_of(reader, species.species_id)
    newest = browse(reader, RecordSearch(species=[species.species_id]), most=1).records
    pictures: Iterable[Picture] = newest[0].pictures if newest else ()
    return SpeciesCard(
        name=named(*species[:3]),
        records=species.records,
        last=None if last_ms is None else local(last_ms, station.zone),
        picture=picture_view(station, species.scientific_name, next(iter(pictures), None)),
    )


def _sorted(cards: list[SpeciesCard], order: str) -> list[SpeciesCard]:
    if order == "name":
        return sorted(cards, key=lambda card: card.name.common.casefold())
    if order == "last":
        return sorted(cards, key=lambda card: card.last.timestamp() if card.last else 0.0)[::-1]
    return cards


def _pictures(
    station: StationView, name: SpeciesName, recent: list[MatchView]
) -> list[PictureView]:
    """Those that matched lately, then others of the gallery; each once."""
    matched = [picture for match in recent for picture in match.record.pictures]
    every = {
        (picture.file, picture.url): picture
        for picture in reversed([*matched, *gallery_pictures(station, name.species_id)])
    }
    chosen = [*every.values()][::-1][:_PICTURES]
    return [picture_view(station, name.scientific, picture) for picture in chosen]


def _history(reader: RecordReader, species_id: str, zone: tzinfo) -> History:
    now, species = today(zone), [species_id]
    first_ms, last_ms = first_of(reader, species_id), last_of(reader, species_id)
    begun_ms = span_ms(now - timedelta(days=_YEAR_DAYS - 1), zone)[0]
    by_hour, days = [0] * HOURS, set[date]()
    for day, hour, number in hours(
        reader, zone, since_ms=begun_ms, until_ms=span_ms(now, zone)[1], species=species
    ):
        by_hour[hour] += number
        days.add(day)
    last = None if last_ms is None else local(last_ms, zone)
    return History(
        first=None if first_ms is None else local(first_ms, zone),
        last=last,
        days=len(days),
        hours=bars(by_hour, [f"{hour:02} to {hour + 1:02} h" for hour in range(HOURS)]),
        weeks=weeks(reader, now, _WEEKS, zone=zone, species=species),
        silent_days=None if last is None else max((now - last.date()).days, 0),
    )
