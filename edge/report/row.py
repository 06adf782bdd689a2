"""Row of a report: a record, and what the tables of other programs ask of it."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import PurePath

from edge.contract.coordinates import Coordinates
from edge.records.detection import Detection
from edge.records.inbox import CONFIRMED
from edge.records.reader import RecordReader
from edge.system import clock

_QUARTERS = 4
"""Of a month: BirdNET's year has 48 weeks."""


@dataclass(frozen=True)
class Row:
    """A reported species."""

    record: Detection
    verdict: tuple[str, str] | None = None
    """What a person says of it, and as which species."""
    before_s: float = 0.0
    """Seconds of the recordings before its own, where several are one table."""

    @property
    def path(self) -> str:
        """The recording's."""
        source, root = self.record.source, self.record.root
        if root is None or "://" in root:
            return source if root is None else f"{root.rstrip('/')}/{source}"
        return str(PurePath(root) / source)

    @property
    def place(self) -> Coordinates | None:
        """The recorder's, where its recording says it."""
        latitude, longitude = self.record.latitude, self.record.longitude
        if latitude is None or longitude is None:
            return None
        return Coordinates(latitude, longitude)

    @property
    def confirmed_name(self) -> str:
        """The name that a person has confirmed, the common one if it was said; empty without."""
        return self._confirmed(self.record.common_name)

    @property
    def confirmed_scientific_name(self) -> str:
        """The scientific name that a person has confirmed; empty without."""
        return self._confirmed(self.record.scientific_name)

    def _confirmed(self, said: str) -> str:
        verdict, species_id = self.verdict or ("", "")
        if verdict != CONFIRMED:
            return ""
        if species_id in ("", self.record.species_id):
            return said
        return species_id.replace("_", " ").capitalize()

    @property
    def week(self) -> int:
        """Of the 48 of a year; -1 of a recording without a date."""
        moment = self.moment
        if moment is None:
            return -1
        return (moment.month - 1) * _QUARTERS + min((moment.day - 1) // 7, _QUARTERS - 1) + 1

    @property
    def moment(self) -> datetime | None:
        """UTC at which it began."""
        at = self.record.detected_at
        return (
            None
            if at is None
            else datetime.fromtimestamp(clock.milliseconds(at) / 1000, timezone.utc)
        )


def reviewed(
    records: RecordReader, found: Sequence[Detection], before_s: float = 0.0
) -> Iterator[Row]:
    """Rows of records, each with what people said of it.

    Args:
        records: that they are of.
        found: records.
        before_s: seconds of the recordings before theirs.
    """
    verdicts = records.verdicts([record.id for record in found])
    for record, verdict in zip(found, verdicts, strict=True):
        yield Row(record, verdict, before_s)


@dataclass(frozen=True)
class Manner:
    """Settings of an analysis that some tables repeat."""

    overlap_s: float = 0.0
    """Of two windows."""
    threshold: float | None = None
    species_list: str = ""
