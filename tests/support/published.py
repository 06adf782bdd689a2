"""Records that a station's writer keeps, one after the other, to be published."""

from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

from edge.records.detection import Detection, Picture
from edge.records.store import Store
from edge.system import clock
from tests.support.factories import detection

SPECIES = (
    ("cuculus_canorus", "Cuculus canorus", "Common Cuckoo"),
    ("strix_aluco", "Strix aluco", "Tawny Owl"),
    ("parus_major", "Parus major", "Great Tit"),
)
MORNING = datetime(2026, 5, 1, 4, 31, 7, tzinfo=timezone.utc)


class Recorder:
    """The writer of a station."""

    def __init__(self, station: Path) -> None:
        self.station, self._ids, self._store = station, clock.Ids(), Store(station)
        self.written: list[Detection] = []

    def hear(
        self, count: int = 1, species: int | None = None, at: datetime = MORNING, **change: Any
    ) -> list[Detection]:
        """Write records of some species in turn, a second apart."""
        found = []
        for n in range(count):
            chosen = SPECIES[(len(self.written) if species is None else species) % len(SPECIES)]
            names = dict(zip(("species_id", "scientific_name", "common_name"), chosen, strict=True))
            moment = at + timedelta(seconds=n)
            values = {
                "id": self._ids.new(),
                "detected_at": clock.iso_utc(round(moment.timestamp() * 1000)),
                "source": "USB Audio",
                "pictures": (Picture(None, "https://x.test/1.jpg", "A. Author", "CC-BY", 0.6),),
            }
            record = detection(**{**values, **names, **change})
            self._store.write(record)
            self.written.append(record)
            found.append(record)
        return found

    @property
    def ids(self) -> list[str]:
        return [record.id for record in self.written]

    def close(self) -> None:
        self._store.close()
