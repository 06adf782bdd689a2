"""A simulated year of a station: size of its database, start, `why`, and commits an hour.

python scripts/bench/year.py [--days 40] [--records 1000000] [--minutes 3]

Days of 3,000 records and 30,000 candidates, each with its embedding, are written as fast as the
store takes them, with ids of their own time, while retention follows at its defaults. Once
candidates begin to go, the growth of a day is that of records alone; the year is extrapolated from
it. Commits are counted over some real minutes at the same rate.
"""

import argparse
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from unittest import mock

import numpy as np

from edge.config import DEMO_BUNDLE, Settings
from edge.contract.bundle import load_bundle
from edge.records.detection import (
    Candidate,
    Detection,
    Extension,
    Picture,
    Record,
    Rejection,
)
from edge.records.evidence import Evidence
from edge.records.retention import Retention
from edge.records.schema import FILE_NAME
from edge.records.sink import is_reported
from edge.records.store import Store
from edge.records.supervisor import StoreSupervisor
from edge.records.writer import Writer
from edge.system import clock
from train.birds.report import machine

_RECORDS, _CANDIDATES = 3_000, 30_000
_DAY_MS = 86_400_000
_FIRST_MS = 1_780_000_000_000
_BATCH, _MODELS = 1_100, 2_003
_ASKED = 10
_DIM = 256
"""Of the packaged bundle's embeddings."""


class Day:
    """Records as a listener makes them, with names and pictures of a bundle."""

    def __init__(self, bundle: Path, seed: int = 0) -> None:
        loaded = load_bundle(bundle)
        self._chance = np.random.default_rng(seed)
        self._species = loaded.taxonomy.species
        self._pictures = loaded.gallery.table
        self._model_id = loaded.manifest.model_id
        self._models = [self._detection() for _ in range(_MODELS)]

    def records(self, begun_ms: int, reported: int, candidates: int) -> Iterator[Record]:
        """A day's records in the order of time, each with its evidence."""
        kinds = self._chance.permutation(reported + candidates) < reported
        for n, is_record in enumerate(kinds):
            found = self.dated(begun_ms + n * _DAY_MS // len(kinds))
            if is_record:
                yield found
            else:
                yield Rejection(replace(found, hits=1), "passed in 1 of the 2 windows needed")
            yield Evidence(found.id, self._chance.standard_normal(_DIM).astype(np.float16))
            if is_record:
                yield Extension(found.id, found.end_s + 1.25, 5)

    def dated(self, moment_ms: int) -> Detection:
        """A record of a moment."""
        start_s = moment_ms % _DAY_MS / 1000
        return replace(
            self._models[moment_ms % _MODELS],
            id=clock.uuid7(moment_ms),
            detected_at=clock.iso_utc(moment_ms),
            start_s=start_s,
            end_s=start_s + 3.75,
        )

    def _detection(self) -> Detection:
        ranked = [self._species[n] for n in self._chance.choice(len(self._species), 5, False)]
        best = ranked[0]
        return Detection(
            id="",
            station="raspberrypi",
            detected_at=None,
            time_zone="Europe/Berlin",
            clock_synchronised=True,
            start_s=0.0,
            end_s=0.0,
            source="USB Audio Device: Audio (hw:1,0)",
            species_id=best.species_id,
            scientific_name=best.scientific_name,
            common_name=best.common_name,
            probability=self._number(),
            score=self._number(),
            similarity=self._number(),
            hits=3,
            hits_needed=2,
            pictures=tuple(self._picture() for _ in range(3)),
            top=tuple(
                Candidate(one.scientific_name, one.common_name, self._number(), self._number())
                for one in ranked
            ),
            clip=f"clips/{best.species_id}/20260501T043107Z-{clock.uuid7(_FIRST_MS)}.flac",
            model_id=self._model_id,
            bundle="starter",
            precision="int8",
            provider="CPUExecutionProvider",
        )

    def _number(self) -> float:
        return round(float(self._chance.uniform(0, 20)), 4)

    def _picture(self) -> Picture:
        row = self._pictures[int(self._chance.integers(len(self._pictures)))]
        file = f"pictures/{row.picture}" if row.picture else None
        return Picture(file, row.url, row.author, row.licence, self._number())


def live_through(station: Path, days: int, bundle: Path) -> list[int]:
    """Write as many days, with retention behind; bytes of the database after each."""
    sizes, maker = [], Day(bundle)
    with closing(Store(station)) as store:
        for day in range(days):
            begun_ms = _FIRST_MS + day * _DAY_MS
            retention = Retention(Settings().candidates_days)
            for batch in _batches(maker.records(begun_ms, _RECORDS, _CANDIDATES)):
                store.write_all(batch)
            with (
                mock.patch.object(clock, "synchronised", return_value=True),
                mock.patch.object(clock, "now_ms", return_value=begun_ms + _DAY_MS),
            ):
                while retention.tidy(store.database):
                    pass
            sizes.append((station / FILE_NAME).stat().st_size)
            print(f"\rday {day + 1}: {sizes[-1] / 1e6:.0f} MB", end="", file=sys.stderr)
    print(file=sys.stderr)
    return sizes


def _batches(records: Iterator[Record]) -> Iterator[list[Record]]:
    batch = []
    for record in records:
        batch.append(record)
        if len(batch) == _BATCH:
            yield batch
            batch = []
    yield batch


def fill(station: Path, records: int, bundle: Path) -> list[str]:
    """Add records until there are as many; the ids of some."""
    maker = Day(bundle, seed=1)
    with closing(Store(station)) as store:
        (there,) = store.database.execute("SELECT count(*) FROM records").fetchone()
        for batch in _batches(maker.records(_FIRST_MS - 400 * _DAY_MS, max(0, records - there), 0)):
            store.write_all([one for one in batch if isinstance(one, Detection)])
        chosen = np.random.default_rng(0).integers(1, records, _ASKED).tolist()
        query = "SELECT id FROM records WHERE number >= ? ORDER BY number LIMIT 1"
        return [store.database.execute(query, (n,)).fetchone()[0] for n in chosen]


def seconds(command: Sequence[str]) -> float:
    """Time of a whole command."""
    begun = time.monotonic()
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    return time.monotonic() - begun


def start_s(station: Path) -> float:
    """Time until a supervisor keeps records at once."""
    begun, keeper = time.monotonic(), StoreSupervisor(station)
    keeper.start()
    while not keeper.is_well:
        time.sleep(0.01)
        keeper.keep([])
    took = time.monotonic() - begun
    keeper.close()
    return took


def commits_an_hour(minutes: float, bundle: Path) -> float:
    """Commits of a real writer and store, fed in real time at the rate of a dense day."""
    records = [*Day(bundle).records(_FIRST_MS, _RECORDS, _CANDIDATES)]
    chance, commits = np.random.default_rng(0), [0]
    with tempfile.TemporaryDirectory() as folder, closing(Store(Path(folder))) as store:

        def keep(batch: Sequence[Record]) -> None:
            if batch:
                store.write_all(batch)
                commits[0] += 1

        end, source = time.monotonic() + 60 * minutes, iter(records)
        with Writer(keep, urgent=is_reported) as writer:
            while time.monotonic() < end:
                writer.write(next(source))
                time.sleep(float(chance.exponential(86_400 / len(records))))
    return commits[0] * 60 / minutes


def main() -> None:
    """Run the command."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--days", type=int, default=40)
    parser.add_argument("--records", type=int, default=1_000_000)
    parser.add_argument("--minutes", type=float, default=3.0)
    parser.add_argument("--bundle", type=Path, default=DEMO_BUNDLE)
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        station = Path(folder)
        sizes = live_through(station, args.days, args.bundle)
        growth = (sizes[-1] - sizes[-6]) / 5
        year = sizes[-1] + (365 - args.days) * growth
        ids = fill(station, args.records, args.bundle)
        why = [sys.executable, "-m", "edge", "why", "--station", folder]
        whole = statistics.median(seconds([*why, one]) for one in ids)
        ending = statistics.median(seconds([*why, one[-12:]]) for one in ids)
        listed = statistics.median(seconds(why) for _ in range(5))
        large = (station / FILE_NAME).stat().st_size
        start = start_s(station)
    print(f"{machine()}; {_RECORDS} records and {_CANDIDATES} candidates a day")
    print(f"database after {args.days} days: {sizes[-1] / 1e9:.2f} GB, {growth / 1e6:.2f} MB a day")
    print(f"after a year: {year / 1e9:.2f} GB (limit 2)")
    print(f"with {args.records:,} records ({large / 1e9:.2f} GB): start {start:.2f} s (limit 2)")
    print(f"why ID {whole:.2f} s, its ending {ending:.2f} s, why {listed:.2f} s (limit 0.3)")
    print(f"commits an hour: {commits_an_hour(args.minutes, args.bundle):.0f} (limit 3600)")


if __name__ == "__main__":
    main()
