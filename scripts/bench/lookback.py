"""Time and memory of looking back over a station of many years, as whole commands.

python scripts/bench/lookback.py [--records 1000000] [--days 730] [--station FOLDER]

`birdlisten today`, a day's records as CSV, a year's as CSV; beside these what `--version` takes,
which is the start of the program. A station that is there already is used as it is.
"""

import argparse
import json
import subprocess
import sys
from collections.abc import Sequence

from pages import filled_station, station_flags

from edge.records.reader import open_records
from edge.records.tally import total
from edge.system import clock
from train.birds.report import machine

_ROUNDS = 3
_ROUND = """
import json, resource, subprocess, sys, time
begun = time.perf_counter()
with subprocess.Popen(sys.argv[1:], stdout=subprocess.PIPE) as running:
    lines = sum(1 for _ in running.stdout)
assert running.returncode == 0, sys.argv
seconds = time.perf_counter() - begun
kilobytes = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss
print(json.dumps([seconds, kilobytes / 1000, lines]))
"""
"""By a small process: one that is forked counts what its parent holds."""
_DAY_MS = 86_400_000


def measured(arguments: Sequence[str]) -> tuple[float, float, int]:
    """Least seconds of some rounds, most megabytes, and lines on stdout."""
    command = [sys.executable, "-c", _ROUND, sys.executable, "-m", "edge", *arguments]
    rounds = [
        json.loads(subprocess.run(command, capture_output=True, check=True).stdout)
        for _ in range(_ROUNDS)
    ]
    seconds, megabytes, lines = zip(*rounds, strict=True)
    return min(seconds), max(megabytes), lines[0]


def main() -> None:
    """Run the command."""
    parser = argparse.ArgumentParser(description=__doc__)
    station_flags(parser)
    args = parser.parse_args()
    with filled_station(args) as station:
        with open_records(station) as reader:
            print(f"{machine()}; {total(reader):,} records in {args.days} days\n")
        year = clock.iso_utc(clock.now_ms() - 365 * _DAY_MS)[:10]
        where, table = ("--station", str(station)), ("--format", "csv")
        print("| command | s | MB | lines |")
        print("|---|---|---|---|")
        for arguments in (
            ("--version",),
            ("today", *where),
            ("records", "--day", "yesterday", *table, *where),
            ("records", "--since", year, *table, *where),
        ):
            seconds, megabytes, lines = measured(arguments)
            shown = " ".join(word for word in arguments if word not in where)
            print(f"| {shown} | {seconds:.2f} | {megabytes:.0f} | {lines:,} |", flush=True)


if __name__ == "__main__":
    main()
