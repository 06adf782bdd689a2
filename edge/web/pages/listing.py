"""The page of all records, newest first, filtered by its address."""

from itertools import groupby
from urllib.parse import urlencode

from starlette.requests import Request
from starlette.responses import Response

from edge.contract.errors import ConfigError
from edge.records.browsing import PagePlace, browse
from edge.records.inbox import VERDICTS
from edge.records.reader import RecordReader
from edge.records.search import RecordSearch
from edge.records.tally import FOREVER_MS, SpeciesTotal, count, totals
from edge.system.days import QUARTER_MS
from edge.web.guard import is_guest
from edge.web.pages.asked import filter_asked
from edge.web.pages.download import CHOICES
from edge.web.pages.rendering import page
from edge.web.pages.views import MatchView, SpeciesName, matches, named
from edge.web.station import station_of

_FIELDS = ("species", "from", "to", "least", "verdict", "clip")


def show_records(request: Request) -> Response:
    """Records of a filter, a page at a time."""
    station, query = station_of(request), request.query_params
    problem, wanted = "", RecordSearch()
    try:
        wanted = filter_asked(query, station.zone)
        after = PagePlace.read(query["after"]) if query.get("after") else None
    except ConfigError as error:
        problem, after = str(error), None
    with station.records() as reader:
        found, every = browse(reader, wanted, after), totals(reader)
        kept = {name: query[name] for name in _FIELDS if query.get(name)}
        older = found.following and urlencode({**kept, "after": str(found.following)})
        return page(
            request,
            "records",
            status=400 if problem else 200,
            title="Records",
            days=_by_day(matches(station, reader, found.records)),
            number=_number(reader, wanted, every),
            older=older,
            is_first=after is None,
            problem=problem,
            asked=kept,
            newest=urlencode(kept),
            species_names=_names(every),
            verdicts=VERDICTS,
            forms={} if is_guest(request) else CHOICES,
        )


def _by_day(found: list[MatchView]) -> list[tuple[str, list[MatchView]]]:
    """Days in words, each with its records, in the order that they have."""
    return [(day, [*group]) for day, group in groupby(found, key=lambda match: match.day)]


def _names(every: list[SpeciesTotal]) -> list[SpeciesName]:
    """Species to choose from, by name."""
    found = [named(*species[:3]) for species in every]
    return sorted(found, key=lambda species: species.common.casefold())


def _number(reader: RecordReader, wanted: RecordSearch, every: list[SpeciesTotal]) -> int | None:
    """The count of a filter's records, where tallies know it."""
    if not wanted.is_tallied:
        return None
    since_ms, until_ms = wanted.since_ms, wanted.until_ms
    if any(bound is not None and bound % QUARTER_MS for bound in (since_ms, until_ms)):
        return None
    if not wanted.is_by_time:
        asked = [s for s in every if wanted.species is None or s.species_id in wanted.species]
        return sum(species.records for species in asked)
    ended_ms = FOREVER_MS if until_ms is None else until_ms
    return count(reader, since_ms or 0, ended_ms, wanted.species)
