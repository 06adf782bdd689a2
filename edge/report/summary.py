"""Summary of a span of time: each species by hour, with its best record."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime, tzinfo

from edge.records.detection import Detection
from edge.records.query import Selection, Sighting, count, sightings
from edge.records.reader import RecordReader

HOURS = 24


@dataclass
class SpeciesSummary:
    """A species within the span."""

    common_name: str
    scientific_name: str
    is_new: bool
    """It was never reported here before."""
    by_hour: list[int] = field(default_factory=lambda: [0] * HOURS)
    """Records in each hour of the day, in local time."""
    first: datetime | None = None
    last: datetime | None = None
    best: Detection | None = None
    """The record of which the bundle was surest."""
    verdicts: dict[str, int] = field(default_factory=dict)
    """Counts by what people said."""

    @property
    def records(self) -> int:
        """Count of all."""
        return sum(self.by_hour)


def summarise(records: RecordReader, selection: Selection, zone: tzinfo) -> list[SpeciesSummary]:
    """Species of a selection that has a beginning, most records first.

    Args:
        records: of the station.
        selection: the span.
        zone: whose hours count.
    """
    known = {species.species_id: species.is_new for species in count(records, selection)}
    found: dict[str, SpeciesSummary] = {}
    best: dict[str, Sighting] = {}
    for sighting in sightings(records, selection):
        summary = found.setdefault(
            sighting.species_id,
            SpeciesSummary(
                sighting.common_name, sighting.scientific_name, known[sighting.species_id]
            ),
        )
        _add(summary, sighting, zone)
        before = best.setdefault(sighting.species_id, sighting)
        if sighting.confidence > before.confidence:
            best[sighting.species_id] = sighting
    for species_id, sighting in best.items():
        (found[species_id].best,) = records.numbered([sighting.number])
    return sorted(found.values(), key=lambda summary: -summary.records)


def total(species: Iterable[SpeciesSummary]) -> int:
    """Records of all species."""
    return sum(summary.records for summary in species)


def _add(summary: SpeciesSummary, sighting: Sighting, zone: tzinfo) -> None:
    moment = datetime.fromtimestamp(sighting.moment_ms / 1000, zone)
    summary.by_hour[moment.hour] += 1
    summary.first = min(summary.first or moment, moment)
    summary.last = max(summary.last or moment, moment)
    if sighting.verdict:
        summary.verdicts[sighting.verdict] = summary.verdicts.get(sighting.verdict, 0) + 1
