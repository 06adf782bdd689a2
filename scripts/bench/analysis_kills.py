"""`birdlisten analyze` killed at random moments and begun again, beside a run that nobody disturbs.

python scripts/bench/analysis_kills.py [--kills 20] [--recordings 120] [--seed 0]

Each run is killed (SIGKILL) at a random moment, so early that together they come about as far as
the whole run does; the last one may end. Then the records of both are compared, but for their ids.
"""

import argparse
import json
import random
import re
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import soundfile

from edge.config import DEMO_BUNDLE
from train.birds.report import machine

_RECORDING_S = 60
_FIRST_S = 0.3
_KNOWN = re.compile(r"(\d+) recordings? known already")


def make_card(folder: Path, count: int, seed: int) -> None:
    """Recordings of a minute: pieces of the demo's chorus in noise."""
    folder.mkdir()
    song, rate_hz = soundfile.read(DEMO_BUNDLE / "chorus.flac", dtype="float32")
    chance = np.random.default_rng(seed)
    for number in range(count):
        piece = np.roll(song, -chance.integers(len(song)))[: _RECORDING_S * rate_hz]
        noise = 0.003 * chance.standard_normal(len(piece))
        soundfile.write(folder / f"{number:04}.flac", piece + noise.astype(np.float32), rate_hz)


def analysis(card: Path, output: Path) -> list[str]:
    """The command over a card."""
    command = [sys.executable, "-m", "edge", "analyze", str(card), "--output", str(output)]
    return [*command, "--bundle", str(DEMO_BUNDLE), "--jobs", "2"]


def killed(command: list[str], after_s: float) -> bool:
    """True if the command was still running when it was killed."""
    run = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    time.sleep(after_s)
    alive = run.poll() is None
    run.send_signal(signal.SIGKILL)
    run.wait()
    return alive


def kept(output: Path) -> list[dict[str, Any]]:
    """All records of an output, without what differs between two runs."""
    command = [sys.executable, "-m", "edge", "records", "--station", str(output), "--json"]
    lines = subprocess.run(command, check=True, capture_output=True, text=True).stdout.splitlines()
    records = [json.loads(line) for line in lines]
    return [{key: record[key] for key in sorted(record) if key != "id"} for record in records]


def in_order(records: list[dict[str, Any]]) -> list[str]:
    """Records as lines, sorted: two runs take recordings in one order, but not at one pace."""
    return sorted(json.dumps(record, sort_keys=True) for record in records)


def main() -> None:
    """Run the command."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--recordings", type=int, default=60)
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    moments = random.Random(args.seed)
    with tempfile.TemporaryDirectory() as temporary:
        card, whole, cut = (Path(temporary) / name for name in ("card", "whole", "cut"))
        make_card(card, args.recordings, args.seed)
        begun = time.perf_counter()
        subprocess.run(analysis(card, whole), check=True, capture_output=True)
        last_s = _FIRST_S + 3 * (time.perf_counter() - begun) / args.kills
        deaths = sum(
            killed(analysis(card, cut), moments.uniform(_FIRST_S, last_s))
            for _ in range(args.kills)
        )
        last = subprocess.run(analysis(card, cut), check=True, capture_output=True, text=True)
        expected, found = in_order(kept(whole)), in_order(kept(cut))
    print(f"Machine: {machine()}. {args.recordings} recordings, seed {args.seed}.")
    known = sum(map(int, _KNOWN.findall(last.stderr)))
    print(f"Killed {deaths} times of {args.kills} while running; {known} were known then.")
    same = "identical" if expected == found else "NOT identical"
    print(f"{len(expected)} records of the whole run, {len(found)} of the broken one: {same}.")
    sys.exit(expected != found)


if __name__ == "__main__":
    main()
