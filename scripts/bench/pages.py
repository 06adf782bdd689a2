"""Processor time of each page of `birdlisten web` over a station of many years.

python scripts/bench/pages.py [--records 1000000] [--days 730] [--station FOLDER]

Records come at random moments of every hour of the day and night, the worst that tallies can be
given. Each page is asked for once, and then some times more, of which the median is printed: of the
process's own time, so that it tells the same on a busy machine. A station that is there already is
used as it is.
"""

import argparse
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import numpy as np
from starlette.testclient import TestClient
from year import Day

from edge.config import DEMO_BUNDLE
from edge.records.detection import Detection
from edge.records.reader import open_records
from edge.records.schema import FILE_NAME
from edge.records.store import Store
from edge.records.tally import total, totals
from edge.system import clock
from edge.web.app import create_app
from train.birds.report import machine

_DAY_MS, _BATCH, _ASKED, _LIMIT_MS = 86_400_000, 5_000, 7, 150
_MINUTE_MS = 60_000


def fill(station: Path, records: int, days: int) -> None:
    """Write a station whose last record is an hour old."""
    begun_ms = clock.now_ms() - days * _DAY_MS
    moments = np.sort(
        np.random.default_rng(0).integers(0, days * _DAY_MS - 60 * _MINUTE_MS, records)
    )
    with closing(Store(station)) as store:
        for batch in _batches(Day(DEMO_BUNDLE), moments + begun_ms):
            store.write_all(batch)
            print(".", end="", file=sys.stderr, flush=True)
    print(file=sys.stderr)


def _batches(maker: Day, moments: np.ndarray) -> Iterator[list[Detection]]:
    for begin in range(0, len(moments), _BATCH):
        yield [maker.dated(moment) for moment in moments[begin : begin + _BATCH].tolist()]


def milliseconds(client: TestClient, address: str) -> float:
    """Median of the process's time for a page."""
    taken = []
    for _ in range(_ASKED + 1):
        begun = time.process_time()
        assert client.get(address).status_code == 200, address
        taken.append(1000 * (time.process_time() - begun))
    return statistics.median(taken[1:])


def station_flags(parser: argparse.ArgumentParser) -> None:
    """Flags of `filled_station`."""
    parser.add_argument("--records", type=int, default=1_000_000)
    parser.add_argument("--days", type=int, default=730)
    parser.add_argument("--station", type=Path)


@contextmanager
def filled_station(args: argparse.Namespace) -> Iterator[Path]:
    """The station that flags name, filled if it is new, or one that goes afterwards."""
    with tempfile.TemporaryDirectory() as folder:
        station = args.station or Path(folder)
        if not (station / FILE_NAME).is_file():
            station.mkdir(parents=True, exist_ok=True)
            fill(station, args.records, args.days)
        yield station


def main() -> None:
    """Run the command."""
    parser = argparse.ArgumentParser(description=__doc__)
    station_flags(parser)
    with filled_station(parser.parse_args()) as station:
        with open_records(station) as reader:
            count, species = total(reader), totals(reader)[0].species_id
        print(f"{machine()}; {count:,} records, limit {_LIMIT_MS} ms of the process's time a page")
        pages = (
            "",
            "now",
            "records",
            f"records?species={species}",
            "species",
            f"species/{species}",
        )
        app = create_app(station, DEMO_BUNDLE)
        with TestClient(app, base_url="http://127.0.0.1:8080") as client:
            for address in (*pages, "activity", f"activity?species={species}", "review", "health"):
                print(f"/{address:40} {milliseconds(client, f'/{address}'):6.0f} ms", flush=True)


if __name__ == "__main__":
    main()
