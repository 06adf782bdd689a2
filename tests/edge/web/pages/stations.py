"""Stations for the tests of the pages."""

import random
from collections.abc import Sequence
from pathlib import Path

from edge.records.detection import Detection, Rejection
from edge.records.store import Store
from edge.system.clock import iso_utc
from tests.support.factories import detection

DAY_MS = 86_400_000
BEGUN_MS = 1_772_323_200_000
"""2026-03-01; summer time begins within the month."""
NAMES = (
    ("cuculus_canorus", "Cuculus canorus", "Common Cuckoo"),
    ("strix_aluco", "Strix aluco", "Tawny Owl"),
    ("turdus_merula", "Turdus merula", "Common Blackbird"),
)


def random_records(seed: int, number: int = 300, days: int = 40) -> list[Detection]:
    """Records at random; some undated."""
    rng = random.Random(seed)
    found = []
    for place in range(number):
        species_id, scientific, common = rng.choice(NAMES)
        moment = BEGUN_MS + rng.randrange(days * DAY_MS)
        found.append(
            detection(
                id=f"01990000-0000-7000-8000-{place:012}",
                detected_at=None if rng.random() < 0.1 else iso_utc(moment),
                species_id=species_id,
                scientific_name=scientific,
                common_name=common,
                probability=rng.random(),
                clip="clips/gone.flac" if rng.random() < 0.3 else None,
            )
        )
    return found


def make_station(folder: Path, records: Sequence[Detection]) -> Path:
    """A station of some records, each with a candidate that was not reported."""
    store = Store(folder)
    store.write_all(records)
    candidates = [
        Rejection(detection(**{**vars(record), "id": record.id.replace("0199", "0198")}), "too few")
        for record in records
    ]
    store.write_all(candidates)
    store.close()
    return folder
