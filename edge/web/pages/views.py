"""Records as the pages show them: names, times and addresses in words."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, tzinfo

from edge.contract.text import visible
from edge.records.detection import Detection
from edge.records.reader import RecordReader
from edge.system import clock
from edge.system.days import local
from edge.web.pages.pictures import PictureView, picture_view
from edge.web.station import StationView


@dataclass(frozen=True)
class SpeciesName:
    """A species wherever it is named, with the address of its page."""

    species_id: str
    common: str
    scientific: str

    @property
    def address(self) -> str:
        """Below the root."""
        return f"species/{self.species_id}"


@dataclass(frozen=True)
class MatchView:
    """A reported record."""

    record: Detection
    name: SpeciesName
    moment: datetime | None
    """In the page's zone."""
    picture: PictureView
    """The one that matched best."""
    verdict: str | None
    """A person's."""

    @property
    def address(self) -> str:
        """Below the root."""
        return f"records/{self.record.id}"

    @property
    def percent(self) -> int:
        """Probability; cosine in hundredths where the bundle isn't calibrated."""
        return percent(self.record.confidence)

    @property
    def kind(self) -> str:
        """Noun of `percent`."""
        return "similarity" if self.record.probability is None else "probability"

    @property
    def clock(self) -> str:
        """Time of day, or place in an undated recording."""
        if self.moment is not None:
            return f"{self.moment:%H:%M:%S}"
        seconds = int(self.record.start_s)
        return f"{seconds // 3600:02}:{seconds // 60 % 60:02}:{seconds % 60:02}"

    @property
    def day(self) -> str:
        """Date in words."""
        return "Undated" if self.moment is None else day_in_words(self.moment)

    @property
    def short_day(self) -> str:
        """Date in short."""
        return "undated" if self.moment is None else f"{self.moment.day} {self.moment:%b %Y}"

    @property
    def why(self) -> str:
        """Short reason."""
        record = self.record
        return f"heard in {record.hits} windows, {record.hits_needed} needed"

    @property
    def source(self) -> str:
        """Name of the source, as far as it may be shown."""
        return visible(self.record.source)


def matches(
    station: StationView, reader: RecordReader, records: Sequence[Detection]
) -> list[MatchView]:
    """Records as the pages show them, in the same order.

    Args:
        station: that they are of.
        reader: of it.
        records: to be shown.
    """
    verdicts = reader.verdicts([record.id for record in records])
    return [
        _match(station, record, verdict and verdict[0])
        for record, verdict in zip(records, verdicts, strict=True)
    ]


def named(species_id: str, scientific_name: str, common_name: str) -> SpeciesName:
    """A species' names, made visible."""
    return SpeciesName(species_id, visible(common_name), visible(scientific_name))


def percent(share: float) -> int:
    """A share of 1, in hundredths; only what is sure is 100."""
    return 100 if share >= 1 else max(0, min(99, round(share * 100)))


def day_in_words(moment: datetime) -> str:
    """`Friday, 1 May 2026`."""
    return f"{moment:%A}, {moment.day} {moment:%B %Y}"


def moment_of(record: Detection, zone: tzinfo) -> datetime | None:
    """The moment of a record as a zone's clock shows it."""
    if record.detected_at is None:
        return None
    return local(clock.milliseconds(record.detected_at), zone)


def _match(station: StationView, record: Detection, verdict: str | None) -> MatchView:
    best = record.pictures[0] if record.pictures else None
    return MatchView(
        record=record,
        name=named(record.species_id, record.scientific_name, record.common_name),
        moment=moment_of(record, station.zone),
        picture=picture_view(station, record.scientific_name, best),
        verdict=verdict,
    )
