"""Checklists for eBird's import: its "record format" of 19 columns, to read and to upload.

The file to upload has no head and no quotes (eBird takes a head for an observation), at most a
megabyte, names in English, and one checklist a date and place. Its effort is the time that was
really listened. Source: support.ebird.org, "Upload spreadsheet data to eBird".
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from edge.contract.coordinates import Coordinates
from edge.report.row import Row

COLUMNS = (
    *("Common Name", "Genus", "Species", "Number", "Species Comments", "Location Name"),
    *("Latitude", "Longitude", "Date", "Start Time", "State/Province", "Country Code", "Protocol"),
    *("Number of Observers", "Duration", "All observations reported?", "Effort Distance Miles"),
    *("Effort area acres", "Submission Comments"),
)
MOST_BYTES = 1_000_000
_PRESENT = "X"
_STATIONARY, _INCIDENTAL = "stationary", "casual"
"""With a duration, and without: eBird's wire words."""


@dataclass(frozen=True, kw_only=True)
class Checklist:
    """The confirmed species of a day at a place."""

    place: Coordinates | None
    location: str
    begun: datetime
    """Local time: of the first sound that was heard on that day, or of the first record."""
    minutes: int
    """Really listened; 0: not known."""
    rows: Sequence[Row]
    """One a species."""

    def lines(self) -> Iterator[tuple[str, ...]]:
        """Cells, without what would separate them."""
        for row in self.rows:
            yield tuple(_plain(cell) for cell in self._cells(row))

    def _cells(self, row: Row) -> tuple[str, ...]:
        record, place = row.record, self.place
        genus, _, epithet = record.scientific_name.partition(" ")
        hours = f"{self.begun:%m/%d/%Y}", f"{self.begun:%H:%M}"
        where = ("", "") if place is None else (f"{place.latitude:.5f}", f"{place.longitude:.5f}")
        effort = (_STATIONARY, "1", str(self.minutes)) if self.minutes else (_INCIDENTAL, "1", "")
        comment = f"heard by an automatic recorder ({record.bundle}), confirmed by a person"
        return (
            *(record.common_name, genus, epithet, _PRESENT, comment, self.location, *where),
            *(*hours, "", "", *effort, "N", "", "", "birdlisten"),
        )


def to_read(checklists: Sequence[Checklist]) -> str:
    """The table with its head, for people."""
    return "\n".join([",".join(COLUMNS), *_joined(checklists), ""])


def to_upload(checklists: Sequence[Checklist]) -> list[str]:
    """The tables without one, each small enough for eBird; a line is never cut."""
    files, size = list[list[str]](), MOST_BYTES
    for line in _joined(checklists):
        length = len(line.encode()) + 1
        if size + length > MOST_BYTES:
            files.append([])
            size = 0
        files[-1].append(line)
        size += length
    return ["\n".join([*lines, ""]) for lines in files]


def _joined(checklists: Sequence[Checklist]) -> Iterator[str]:
    for checklist in checklists:
        yield from map(",".join, checklist.lines())


def _plain(cell: str) -> str:
    return " ".join(cell.replace(",", " ").replace('"', "").split())
