"""A station with months of made-up records over the aviary, to look at and to draw."""

import math
import random
from dataclasses import replace
from datetime import datetime, timedelta, timezone
from pathlib import Path

import soundfile

from edge.clip.store import ClipStore
from edge.config import DEMO_BUNDLE
from edge.contract.bundle import Bundle, load_bundle
from edge.contract.taxonomy import Species
from edge.records.detection import Candidate, Clip, ClipKept, Detection, Picture, Rejection
from edge.records.store import Store
from edge.system.clock import iso_utc, time_zone, uuid7
from edge.system.days import epoch_ms

_NIGHT = ("strix_aluco", "bubo_bubo", "asio_otus", "athene_noctua")
_LATE = 9
"""Species of the list's end that arrive some weeks ago only."""


def make_station(folder: Path, now: datetime, days: int = 120, seed: int = 7) -> None:
    """Write a station's records of some days, up to a moment; the newest have clips."""
    rng, bundle = random.Random(seed), load_bundle(DEMO_BUNDLE)
    made = sorted(_moments(rng, bundle, now, days), key=lambda pair: pair[0])
    records = [_record(rng, bundle, moment, species) for moment, species in made]
    store = Store(folder)
    store.write_all(records)
    store.write_all([_candidate(rng, record) for record in records[-40:]])
    clips, sound = ClipStore(folder), DEMO_BUNDLE / "chorus.flac"
    for number, record in enumerate(records[-24:]):
        samples, rate_hz = soundfile.read(
            sound, frames=48_000 * 4, start=48_000 * (6 + 2 * number), dtype="int16"
        )
        path = clips.put(Clip(record, samples, rate_hz, samples))
        store.write(ClipKept(record.id, path))
    for record in records[-9:-2:3]:
        store.review(record.id, "confirmed", record.species_id)
    store.review(records[-5].id, "rejected")
    store.close()


def _moments(
    rng: random.Random, bundle: Bundle, now: datetime, days: int
) -> list[tuple[int, Species]]:
    found = []
    species = list(bundle.taxonomy.species)
    for ago in range(days):
        day = now - timedelta(days=ago)
        season = 0.75 + 0.25 * math.sin(2 * math.pi * day.timetuple().tm_yday / 30)
        for place, bird in enumerate(species):
            if place >= len(species) - _LATE and ago > 30 * (len(species) - place):
                continue
            for _ in range(round(rng.random() ** 2 * 8 * season / (1 + place / 9))):
                night = bird.species_id in _NIGHT
                hour = rng.gauss(23.5 if night else rng.choice((6.0, 6.8, 18.5)), 1.6) % 24
                at = day.replace(hour=int(hour), minute=rng.randrange(60), second=rng.randrange(60))
                if at <= now:
                    found.append((epoch_ms(at), bird))
    return found


def _record(rng: random.Random, bundle: Bundle, moment_ms: int, species: Species) -> Detection:
    rows = [bundle.gallery.table[row] for row in bundle.gallery.members[species.species_id]]
    sure = min(0.5 + 0.5 * rng.random() ** 0.6, 0.995)
    pictures = tuple(
        Picture(row.file, row.url or None, row.author, row.licence, 0.7 - 0.05 * place)
        for place, row in enumerate(rng.sample(rows, 3))
    )
    rivals = rng.sample([other for other in bundle.taxonomy.species if other != species], 4)
    top = [Candidate(species.scientific_name, species.common_name, 9 * sure, sure)]
    for place, rival in enumerate(rivals, 1):
        share = sure * 0.5**place
        top.append(Candidate(rival.scientific_name, rival.common_name, 9 * share, share))
    needed = rng.choice((2, 2, 3))
    return Detection(
        id=uuid7(moment_ms),
        station="garden",
        detected_at=iso_utc(moment_ms),
        time_zone=time_zone(),
        clock_synchronised=True,
        start_s=float(moment_ms % 86_400_000) / 1000,
        end_s=float(moment_ms % 86_400_000) / 1000 + rng.choice((2.5, 3.8, 6.3)),
        source="garden microphone",
        species_id=species.species_id,
        scientific_name=species.scientific_name,
        common_name=species.common_name,
        probability=sure,
        score=9 * sure,
        similarity=0.4 + 0.3 * sure,
        hits=needed + rng.randrange(4),
        hits_needed=needed,
        pictures=pictures,
        top=tuple(top),
        clip=None,
        model_id=bundle.manifest.model_id,
        bundle=bundle.manifest.name,
        precision="int8",
        provider="CPUExecutionProvider",
    )


def _candidate(rng: random.Random, record: Detection) -> Rejection:
    rival = record.top[1]
    at = datetime.fromisoformat(str(record.detected_at).replace("Z", "+00:00"))
    later = epoch_ms(at.astimezone(timezone.utc)) + rng.randrange(-40_000, 40_000)
    made = replace(
        record,
        id=uuid7(later),
        detected_at=iso_utc(later),
        species_id=rival.scientific_name.lower().replace(" ", "_"),
        scientific_name=rival.scientific_name,
        common_name=rival.common_name,
        probability=rival.probability,
        hits=1,
    )
    return Rejection(made, f"1 window of {record.hits_needed} needed")
